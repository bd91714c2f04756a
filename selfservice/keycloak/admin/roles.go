package admin

import (
	"context"
	"errors"
	"net/http"
)

// DefineRole defines a role of that name on the client, for a client policy
// whose condition client-roles names it ([Policy.Roles]). One that is there
// already is no error.
func (a *API) DefineRole(ctx context.Context, id, name string) error {
	if name == "" { // the server takes it
		return refuse(ErrConfig, "a role without a name")
	}
	err := a.exchange(ctx, http.MethodPost, a.realm("clients", id, "roles"), map[string]string{"name": name}, nil)
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}
