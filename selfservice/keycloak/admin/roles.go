package admin

import (
	"context"
	"errors"
	"net/http"
)

// DefineRole defines a role of the client, for client policies that select
// clients by their roles ([Policy.Roles]). It is idempotent.
func (a *API) DefineRole(ctx context.Context, id, name string) error {
	if name == "" { // the server would accept it
		return refuse(ErrConfig, "a role without a name")
	}
	err := a.exchange(ctx, http.MethodPost, a.realm("clients", id, "roles"), map[string]string{"name": name}, nil)
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}
