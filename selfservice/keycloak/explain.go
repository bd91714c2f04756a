package keycloak

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

// usable returns an error for clients that cannot authenticate.
func usable(info *admin.Client) error {
	switch {
	case !info.Enabled:
		return refuse(admin.ErrDisabled, "")
	case info.Public || info.BearerOnly:
		return refuse(admin.ErrMode, "it is public or bearer-only")
	}
	return nil
}

// explain adds to a refusal what the Admin sees. The server gives the same answer
// for a client that was deleted or disabled, or has another method. Its answer
// to a wrong secret is clear, so that one is returned as it is.
func (c *Client) explain(ctx context.Context, cred selfservice.Credential, refused error) error {
	var answer *assertion.Error
	if errors.As(refused, &answer) && answer.Code == "unauthorized_client" && cred.Key == nil {
		return refused
	}
	info, err := c.Admin.FindClient(ctx, c.ClientID)
	switch {
	case err == nil:
		err = refuses(info, cred, c.Authenticate != nil)
	case !errors.Is(err, admin.ErrNotFound):
		return refused // the Admin cannot tell either
	}
	if err == nil {
		return refused
	}
	var e *selfservice.CallError
	if errors.As(refused, &e) {
		return &selfservice.CallError{Rule: e.Rule, Wait: e.Wait, Err: fmt.Errorf("%w; %w", refused, err)}
	}
	return refused
}

// refuses returns why the client's settings do not accept a credential, nil if
// they do not say. If the client has an Authenticate of its own, how it uses a
// credential is unknown.
func refuses(info *admin.Client, cred selfservice.Credential, itsOwnWay bool) error {
	if err := usable(info); err != nil {
		return err
	}
	methods := []admin.Method{admin.MethodSignedJWT}
	if cred.Key == nil {
		methods = secretMethods()
	}
	switch {
	case itsOwnWay:
		return nil
	case !slices.Contains(methods, info.Method):
		return refuse(admin.ErrMode, "its method is "+redact.Line(string(info.Method), redact.MaxText))
	case cred.Key == nil:
		return nil
	}
	return refusesKey(info, cred)
}

func refusesKey(info *admin.Client, cred selfservice.Credential) error {
	algorithm := string(cred.Key.Algorithm())
	if want := info.Attributes[admin.SigningAlgorithm]; want != "" && want != algorithm {
		return refuse(admin.ErrAlgorithm, "it accepts "+redact.Line(want, redact.MaxText)+", and the key signs with "+algorithm)
	}
	set, err := info.Keys()
	switch {
	case err != nil: // the keys are at a URL, or it has a certificate
		return nil
	case len(set.Keys) == 0:
		return refuse(admin.ErrNotFound, "it has no keys stored")
	case !stores(set, cred.Key):
		return refuse(admin.ErrNotFound, "the key is not among its stored ones")
	}
	return nil
}

func stores(set keys.Set, key *keys.Key) bool {
	return slices.ContainsFunc(set.Keys, func(k *keys.PublicKey) bool { return k.Thumbprint() == key.Thumbprint() })
}
