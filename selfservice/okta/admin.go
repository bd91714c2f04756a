package okta

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	internal "github.com/nokkel/nokkel/selfservice/internal/rest"
	"github.com/nokkel/nokkel/selfservice/rest"
)

const (
	callTimeout = 30 * time.Second
	maxBody     = 4 << 20
)

// Admin calls the management API of an org: apps, their client secrets and
// their public keys. Its methods may be called from many goroutines; its fields
// must not change after the first call. They take an app's ID ("0oa…"), which
// is not always its client_id.
//
// Okta reports every violation of its rules with the same error code. After
// such a refusal the methods read what is registered: a change made by an
// earlier attempt, whose reply was lost, is not an error; otherwise the [Error]
// names the rule.
type Admin struct {
	Org      Org
	Tokens   dpop.TokenSource  // a service app's, see [Org.Tokens]
	APIToken keys.SecretSource // an SSWS token, in place of Tokens

	prover dpop.Prover
}

// Format prints a fixed text for every verb.
func (a *Admin) Format(f fmt.State, _ rune) { io.WriteString(f, "okta.Admin") }

// call makes one call and reads the answer as JSON; body and answer may be nil.
func (a *Admin) call(ctx context.Context, method, path string, body []byte, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	got, err := a.authorized(ctx, method, path, body)
	if err != nil || answer == nil {
		return err
	}
	if len(bytes.TrimSpace(got)) > 0 && json.Unmarshal(got, answer) != nil { // its error may quote the body
		return refuse(ErrMalformed, "not the JSON that it should be; the request may have been carried out")
	}
	return nil
}

// authorized sends a request with a token. A refused token is replaced once,
// and so is a proof that Okta has seen before: when a connection breaks,
// net/http repeats a GET by itself, with the same proof.
func (a *Admin) authorized(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	token, key, err := a.token(ctx, method)
	if err != nil {
		return nil, err
	}
	got, err := a.send(ctx, method, path, body, token, key)
	var refused *Error
	if !errors.As(err, &refused) || !errors.Is(err, ErrUnauthorized) || a.Tokens == nil {
		return got, err
	}
	if refused.Code == "invalid_dpop_proof" {
		if method != http.MethodGet {
			return got, err
		}
		return a.send(ctx, method, path, body, token, key)
	}
	source, ok := a.Tokens.(dpop.Discarder)
	if !ok {
		return got, err
	}
	source.Discard(token)
	next, key, tokenErr := a.token(ctx, method)
	switch {
	case tokenErr != nil:
		return nil, tokenErr
	case next == token: // another was replaced a moment ago
		return nil, err
	}
	return a.send(ctx, method, path, body, next, key)
}

// token returns the token to send. Okta silently leaves out scopes that were
// not granted; the call would then fail for another reason.
func (a *Admin) token(ctx context.Context, method string) (string, *keys.Key, error) {
	switch {
	case a.Tokens == nil && a.APIToken == nil:
		return "", nil, refuse(ErrConfig, "an Admin with neither Tokens nor APIToken")
	case a.Tokens == nil:
		secret, err := a.APIToken.ClientSecret(ctx)
		return secret.Reveal(), nil, err
	}
	source, ok := a.Tokens.(interface {
		Token(context.Context) (*assertion.Token, error)
	})
	if !ok {
		return a.Tokens.BoundToken(ctx)
	}
	t, err := source.Token(ctx)
	if err != nil {
		return "", nil, ungranted(err)
	}
	granted := slices.Contains(t.Scopes, ScopeManage) || method == http.MethodGet && slices.Contains(t.Scopes, ScopeRead)
	if !granted && len(t.Scopes) > 0 {
		needed := ScopeManage
		if method == http.MethodGet {
			needed = ScopeRead
		}
		return "", nil, refuse(ErrScope, "the token came without "+needed+": grant it to the service app")
	}
	return t.AccessToken.Reveal(), t.Key, nil
}

func (a *Admin) send(ctx context.Context, method, path string, body []byte, token string, key *keys.Key) ([]byte, error) {
	address, err := a.Org.address(path)
	if err != nil {
		return nil, err
	}
	call := rest.Call{Method: method, URL: address, Body: keys.NewSecret(string(body)), Prover: &a.prover, MaxBody: maxBody, Base: a.Org.Base}
	if a.Tokens != nil {
		call.Tokens = internal.Bound{Token: token, Key: key}
	} else {
		call.Secrets = map[string]keys.Secret{"Authorization": keys.NewSecret("SSWS " + token)}
	}
	got, err := call.Do(ctx)
	var failed *rest.Error
	switch {
	case errors.As(err, &failed) && failed.Rule == rest.ErrTooLarge:
		return nil, &Error{Rule: ErrTooLarge, Status: failed.Status}
	case failed != nil && failed.Err != nil:
		return nil, internal.Wrap("okta", failed.Err)
	case err != nil:
		return nil, err
	case !got.OK():
		return nil, refusal(got)
	}
	return []byte(got.Body.Reveal()), nil
}

// appPath returns the path of an app, or of something in it. With an empty
// element it would be the path of something else.
func appPath(appID string, elements ...string) (string, error) {
	path := "/api/v1/apps"
	for _, e := range append([]string{appID}, elements...) {
		if e == "" || e == "." || e == ".." {
			return "", refuse(ErrConfig, "the ID of an app or of a credential is empty")
		}
		path += "/" + url.PathEscape(e)
	}
	return path, nil
}
