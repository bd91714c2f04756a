package admin

import (
	"context"
	"net/http"

	"github.com/nokkel/nokkel/keys"
)

// RegistrationToken returns a new registration access token (RFC 7592) for the
// client. The one before ends.
func (a *API) RegistrationToken(ctx context.Context, id string) (keys.Secret, error) {
	var answer struct {
		Token string `json:"registrationAccessToken"`
	}
	err := a.exchange(ctx, http.MethodPost, a.realm("clients", id, "registration-access-token"), nil, &answer)
	if err == nil && answer.Token == "" {
		err = refuse(ErrMalformed, "no registration access token")
	}
	return keys.NewSecret(answer.Token), err
}
