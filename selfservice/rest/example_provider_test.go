package rest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/rest"
)

// KeyAPI is a client at a server with an API for its own keys:
// GET and POST /keys, DELETE /keys/{thumbprint}.
type KeyAPI struct {
	URL, ClientID string
	Base          http.RoundTripper
}

// Verify gets a token with exactly this key.
func (p KeyAPI) Verify(ctx context.Context, c selfservice.Credential) error {
	_, err := p.tokens(c).Token(ctx)
	return rest.Verdict(err)
}

func (p KeyAPI) List(ctx context.Context, as selfservice.Credential) (list []selfservice.Registration, err error) {
	var rows []struct{ Kid, Thumbprint string }
	if err := p.call(ctx, as, http.MethodGet, "/keys", nil, &rows); err != nil {
		return nil, err
	}
	for _, row := range rows {
		list = append(list, selfservice.Registration{KeyID: row.Kid, Fingerprint: row.Thumbprint})
	}
	return list, nil
}

func (p KeyAPI) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	err := p.call(ctx, as, http.MethodPost, "/keys", c.Key.PublicKey().JWK(), nil)
	return selfservice.Registration{KeyID: c.KeyID(), Fingerprint: c.Fingerprint()}, err
}

func (p KeyAPI) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	err := p.call(ctx, as, http.MethodDelete, "/keys/"+url.PathEscape(r.Fingerprint), nil, nil)
	if refused := (*rest.Error)(nil); errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return nil // it is gone
	}
	return err
}

// Adopted refuses a secret.
func (KeyAPI) Adopted(c selfservice.Credential) (selfservice.Credential, error) {
	return selfservice.OnlyKeys(c)
}

func (p KeyAPI) tokens(c selfservice.Credential) *assertion.TokenSource {
	signer := &assertion.Signer{ClientID: p.ClientID, Audience: p.URL, Key: c}
	return &assertion.TokenSource{Endpoint: p.URL + "/token", Auth: signer, Base: p.Base}
}

func (p KeyAPI) call(ctx context.Context, as selfservice.Credential, method, path string, body []byte, v any) error {
	call := rest.Call{Method: method, URL: p.URL + path, Body: keys.NewSecret(string(body)), Tokens: p.tokens(as), Base: p.Base}
	return rest.Verdict(call.JSON(ctx, v))
}

func Example_provider() {
	ctx := context.Background()
	first, _ := keys.Generate(keys.ES256) // registered by hand
	api := newKeyServer(first.PublicKey())
	server := httptest.NewServer(api)
	defer server.Close()
	api.url = server.URL

	rotator := &selfservice.Rotator{Provider: KeyAPI{URL: server.URL, ClientID: "app"}, Store: &selfservice.Mem{}, Timing: selfservice.Timing{Propagation: -1}}
	fmt.Println(rotator.Adopt(ctx, selfservice.Credential{Key: first}), rotator.Rotate(ctx), len(api.keys), "keys")
	// Output: <nil> <nil> 2 keys
}
