package keycloak

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/selfservice"
)

// usable refuses clients that nobody gets a token as.
func (c *ClientInfo) usable() error {
	if !c.Enabled {
		return refuse(ErrDisabled, "")
	}
	return c.confidential()
}

// explain adds to a refusal what the Admin sees of the client. The server says
// one and the same of a client that is gone, disabled, or has another method.
// Of a wrong secret it says that this is wrong, so that nothing is asked.
func (c *Client) explain(ctx context.Context, cred selfservice.Credential, refused error) error {
	var answer *assertion.Error
	if errors.As(refused, &answer) && answer.Code == "unauthorized_client" && cred.Key == nil {
		return refused
	}
	info, err := c.Admin.FindClient(ctx, c.ClientID)
	switch {
	case err == nil:
		err = info.refuses(cred, c.Authenticate != nil)
	case !errors.Is(err, ErrNotFound):
		return refused // the Admin does not know either
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

// refuses returns why the client does not take a credential, as far as its
// settings tell; nil if they do not. Only the caller knows what a credential is
// used for that is proved in a way of its own.
func (c *ClientInfo) refuses(cred selfservice.Credential, itsOwnWay bool) error {
	if err := c.usable(); err != nil {
		return err
	}
	methods := []Method{MethodSignedJWT}
	if cred.Key == nil {
		methods = secretMethods()
	}
	switch {
	case itsOwnWay:
		return nil
	case !slices.Contains(methods, c.Method):
		return refuse(ErrMode, "its method is "+redact.Line(string(c.Method), redact.MaxText))
	case cred.Key == nil:
		return nil
	}
	return c.refusesKey(cred)
}

func (c *ClientInfo) refusesKey(cred selfservice.Credential) error {
	algorithm := string(cred.Key.Algorithm())
	if want := c.Attributes[signingAlgorithm]; want != "" && want != algorithm {
		return refuse(ErrAlgorithm, "it takes "+redact.Line(want, redact.MaxText)+", and the key signs with "+algorithm)
	}
	document, err := c.jwks()
	switch {
	case err != nil: // at a URL, say, or a certificate
		return nil
	case len(document.public()) == 0:
		return refuse(ErrNotFound, "it has no keys stored")
	case len(document.find(cred.Key.Thumbprint())) == 0:
		return refuse(ErrNotFound, "the key is not among its stored ones")
	}
	return nil
}
