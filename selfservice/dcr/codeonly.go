package dcr

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"

	"github.com/nokkel/nokkel/assertion"
	internal "github.com/nokkel/nokkel/selfservice/internal/rest"
)

// A client with only the authorization-code grant gets no token without a
// person. What follows makes the server check its credential nevertheless.
// Introspecting a made-up token does not: servers may let resource servers ask
// by other means than a client's credential (RFC 7662 §2.1), so "active": false
// proves nothing.

// PushedRequest pushes an authorization request (RFC 9126) that nobody ever
// follows. Its endpoint authenticates the client by the rules of the token
// endpoint before it looks at the request (RFC 9126 §2, §2.1), so that success
// means what a token would, and so does an OAuth error with invalid_client or
// with status 401. Use it where the server has that endpoint.
type PushedRequest struct {
	// Params are those of the client's own authorization requests: its
	// "redirect_uri" and, as a rule, "scope". Without others, "response_type"
	// is code and "code_challenge" (S256) one that is made up.
	Params url.Values
}

// Verify is for [Client.Verify].
func (v PushedRequest) Verify(ctx context.Context, a Attempt) error {
	if a.Server.PAREndpoint == "" {
		return refuse(ErrNoEndpoint, "pushed authorization requests")
	}
	sum := sha256.Sum256([]byte(rand.Text()))
	form := url.Values{
		"response_type":         {"code"},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(sum[:])},
		"code_challenge_method": {"S256"},
	}
	maps.Copy(form, v.Params)
	status, body, err := a.post(ctx, a.Auth, a.Server.PAREndpoint, form)
	var answer struct {
		RequestURI string `json:"request_uri"`
	}
	var refused *assertion.Error
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusUnauthorized && refused.Code != "":
		refused.Rule = assertion.ErrInvalidClient // whatever the code; without one it may be a proxy's
		return refused
	case err != nil:
		return err
	case json.Unmarshal(body, &answer) != nil || answer.RequestURI == "":
		return &Error{Rule: ErrMalformed, Detail: "no request_uri", Status: status}
	}
	return nil
}

// UnknownCode asks the token endpoint for the token of a made-up authorization
// code. A server answers invalid_client if it refuses the credential, and
// invalid_grant once it has authenticated the client (RFC 6749 §5.2). No RFC
// requires it to authenticate the client first. So once in the life of a
// [Client] it is asked with a made-up credential, too: a server that answers
// invalid_grant even then proves nothing, [ErrInconclusive]. That one failed
// login appears in the server's log. Any other answer is an error that decides
// nothing.
type UnknownCode struct {
	RedirectURI string // one of the client's
}

// Verify is for [Client.Verify].
func (v UnknownCode) Verify(ctx context.Context, a Attempt) error {
	if a.madeUp == nil {
		return refuse(ErrConfig, "an Attempt that is not a Client's")
	}
	err := v.ask(ctx, a, a.Auth)
	if err != nil || a.selective.Load() {
		return err
	}
	other, err := a.madeUp()
	if err != nil {
		return err
	}
	var refused *assertion.Error
	switch err = v.ask(ctx, a, other); {
	case err == nil:
		return refuse(ErrInconclusive, "invalid_grant")
	case errors.As(err, &refused) && refused.Code != "" && (refused.Status == http.StatusBadRequest || refused.Status == http.StatusUnauthorized):
		a.selective.Store(true) // an OAuth error, not a proxy's
		return nil
	}
	return err
}

// ask returns nil if the server says invalid_grant.
func (v UnknownCode) ask(ctx context.Context, a Attempt, auth assertion.Authenticator) error {
	status, _, err := a.post(ctx, auth, a.Server.TokenEndpoint, url.Values{
		"grant_type": {"authorization_code"}, "code": {rand.Text()}, "redirect_uri": {v.RedirectURI},
		"code_verifier": {rand.Text() + rand.Text()}, // RFC 7636 §4.1: at least 43 characters
	})
	var refused *assertion.Error
	switch {
	case err == nil:
		return &Error{Rule: ErrMalformed, Detail: "no error to a code that is made up", Status: status}
	case errors.As(err, &refused) && refused.Status == http.StatusBadRequest && refused.Code == "invalid_grant":
		return nil
	}
	return err
}

// post sends a form as the client. What the server refuses is an
// *assertion.Error.
func (a Attempt) post(ctx context.Context, auth assertion.Authenticator, endpoint string, form url.Values) (status int, body []byte, err error) {
	status, body, err = internal.PostForm(ctx, a.Base, auth, endpoint, form)
	var refused *assertion.Error
	if err != nil && !errors.As(err, &refused) {
		err = fmt.Errorf("dcr: POST of the form: %w", err)
	}
	return status, body, err
}
