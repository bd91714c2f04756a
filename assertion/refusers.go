package assertion

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

// KeyRefuser is an optional interface of a keys.Source. Told that the server
// refused a key from it, it returns the key to try instead, or the same one
// if there is no other. A selfservice.Rotator is one. With it a [Transport]
// and a [TokenSource] survive a rotation at a server that drops the old key
// the instant it accepts the new one.
type KeyRefuser interface {
	KeyRefused(ctx context.Context, key *keys.Key) (*keys.Key, error)
}

// SecretRefuser is the same for a keys.SecretSource.
type SecretRefuser interface {
	SecretRefused(ctx context.Context, secret keys.Secret) (keys.Secret, error)
}

// held is an Authenticator fixed to one credential, so that it is known which
// one a refusal is about. If the source is not a refuser, it is the Authenticator
// itself and has no functions.
type held struct {
	Authenticator
	replaced func(context.Context) bool  // reports whether the source has another credential by now
	instead  func(context.Context) *held // asks the source for another; nil if there is none
	works    func()                      // is told that the server accepted this one
}

func hold(ctx context.Context, auth Authenticator) (held, error) {
	switch a := auth.(type) {
	case *Moving:
		return a.hold(ctx)
	case *Signer:
		if source, ok := a.Key.(KeyRefuser); ok {
			return holdKey(ctx, a.Key, source, func(k *keys.Key) Authenticator { c := *a; c.Key = k; return &c })
		}
		return holdSecret(ctx, auth, a.Secret, func(s keys.Secret) Authenticator { c := *a; c.Secret = s; return &c })
	case *Basic:
		return holdSecret(ctx, auth, a.Secret, func(s keys.Secret) Authenticator { return &Basic{a.ClientID, s} })
	case *Post:
		return holdSecret(ctx, auth, a.Secret, func(s keys.Secret) Authenticator { return &Post{a.ClientID, s} })
	}
	return held{Authenticator: auth}, nil
}

func holdKey(ctx context.Context, from keys.Source, source KeyRefuser, with func(*keys.Key) Authenticator) (held, error) {
	key, err := signingKey(ctx, from)
	if err != nil {
		return held{}, err
	}
	return held{
		Authenticator: with(key),
		replaced: func(ctx context.Context) bool {
			now, err := signingKey(ctx, from)
			return err == nil && now.Thumbprint() != key.Thumbprint()
		},
		instead: func(ctx context.Context) *held {
			other, err := source.KeyRefused(ctx, key)
			if err != nil || other == nil || other.Thumbprint() == key.Thumbprint() {
				return nil
			}
			return &held{Authenticator: with(other)}
		},
	}, nil
}

func holdSecret(ctx context.Context, auth Authenticator, from keys.SecretSource, with func(keys.Secret) Authenticator) (held, error) {
	source, ok := from.(SecretRefuser)
	if !ok {
		return held{Authenticator: auth}, nil
	}
	secret, err := from.ClientSecret(ctx)
	if err != nil {
		return held{}, err
	}
	return held{
		Authenticator: with(secret),
		replaced: func(ctx context.Context) bool {
			now, err := from.ClientSecret(ctx)
			return err == nil && !now.Equal(secret)
		},
		instead: func(ctx context.Context) *held {
			other, err := source.SecretRefused(ctx, secret)
			if err != nil || other.IsZero() || other.Equal(secret) {
				return nil
			}
			return &held{Authenticator: with(other)}
		},
	}, nil
}

// another returns what to try after a refusal: another credential if the
// refusal was about this one, or may have been, since the source has replaced
// it. Not every server says so: Ory Hydra calls an unknown key an invalid
// request.
func (h held) another(ctx context.Context, e *serverError) *held {
	if h.instead == nil {
		return nil
	}
	client := e.status/100 == 4 && e.Code != ""
	waits := e.Code == "authorization_pending" || e.Code == "slow_down" // RFC 8628 §3.5: nothing was refused
	if e.credential || client && !waits && h.replaced(ctx) {
		return h.next(ctx)
	}
	return nil
}

// next returns what to try after this one; nil: nothing.
func (h held) next(ctx context.Context) *held {
	if h.instead == nil {
		return nil
	}
	return h.instead(ctx)
}

// aboutCredential reports whether the server refused the client's credential,
// and not the request itself. That is invalid_client (RFC 6749 §5.2), and also
//
//   - unauthorized_client with 401, as Keycloak refuses a secret. With 400 it
//     means that a known client may not use this grant;
//   - but also with 400 if the client authenticated with client_secret_jwt:
//     Keycloak refuses a secret in this way too, and a client that may not use
//     a grant costs one futile request;
//   - invalid_request with 401, as Keycloak says it to pushed authorization
//     requests, or with the kid of the assertion in its description: Ory Hydra
//     does not know that key.
func (e *serverError) aboutCredential(form url.Values) bool {
	header := assertionHeader(form)
	switch e.Code {
	case "invalid_client":
		return true
	case "unauthorized_client":
		return e.status == http.StatusUnauthorized || e.status == http.StatusBadRequest && strings.HasPrefix(header.Algorithm, "HS")
	case "invalid_request":
		return e.status == http.StatusUnauthorized || header.KeyID != "" && strings.Contains(e.Description, header.KeyID)
	}
	return false
}

// repeats reports whether another credential has met the same refusal.
func (e *serverError) repeats(first *serverError) bool {
	return e != nil && (e.credential || e.Code == first.Code)
}

type joseHeader struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
}

// assertionHeader returns the header of the client assertion; the zero one
// where there is none.
func assertionHeader(form url.Values) (h joseHeader) {
	encoded, _, _ := strings.Cut(form.Get("client_assertion"), ".")
	text, _ := base64.RawURLEncoding.DecodeString(encoded)
	json.Unmarshal(text, &h)
	return h
}
