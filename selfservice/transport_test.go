package selfservice_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

// tokenEndpoint is the token endpoint of a model.Server, which decides which of the
// credentials that were made it accepts.
type tokenEndpoint struct {
	*model.Server
	refusal string

	mu       sync.Mutex
	made     []selfservice.Credential
	requests int
}

func (e *tokenEndpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests++
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	if err := r.ParseForm(); err != nil || !e.takes(r) {
		w.WriteHeader(http.StatusBadRequest)
		w.WriteString(e.refusal)
	} else {
		w.WriteString(`{"access_token":"t","token_type":"Bearer","expires_in":60}`)
	}
	return w.Result(), nil
}

func (e *tokenEndpoint) takes(r *http.Request) bool {
	_, basic, _ := r.BasicAuth()
	jws, _ := jose.ParseSignedCompact(r.PostForm.Get("client_assertion"), []jose.SignatureAlgorithm{jose.ES256, jose.HS256})
	for _, c := range e.made {
		var sent bool
		switch secret := c.Secret.Reveal(); {
		case jws == nil:
			sent = secret != "" && (r.PostForm.Get("client_secret") == secret || basic == url.QueryEscape(secret))
		case c.Key != nil:
			_, err := jws.Verify(c.Key.PublicKey().Public())
			sent = err == nil
		default:
			_, err := jws.Verify([]byte(secret))
			sent = err == nil
		}
		if sent && e.Request(c.Fingerprint()) {
			return true
		}
	}
	return false
}

// TestTransportOfAReplica: one process rotates, at a server that replaces at once,
// while another one over the same store exchanges the codes of its users.
func TestTransportOfAReplica(t *testing.T) {
	const rotations, users = 10, 3
	const id, audience = "app", "https://as.example.no"
	for name, c := range map[string]struct {
		secret  bool
		refusal string
		auth    func(*selfservice.Rotator) assertion.Authenticator
	}{
		"private_key_jwt": {false, `{"error":"invalid_client"}`, func(r *selfservice.Rotator) assertion.Authenticator {
			return &assertion.Signer{ClientID: id, Audience: audience, Key: r}
		}},
		"client_secret_jwt": {true, `{"error":"unauthorized_client"}`, func(r *selfservice.Rotator) assertion.Authenticator {
			return &assertion.Signer{ClientID: id, Audience: audience, Secret: r}
		}},
		"client_secret_basic": {true, `{"error":"invalid_client"}`, func(r *selfservice.Rotator) assertion.Authenticator {
			return &assertion.Basic{ClientID: id, Secret: r}
		}},
		"client_secret_post": {true, `{"error":"invalid_client"}`, func(r *selfservice.Rotator) assertion.Authenticator {
			return &assertion.Post{ClientID: id, Secret: r}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &tokenEndpoint{Server: &model.Server{ReplaceAtOnce: true}, refusal: c.refusal}
				store := &selfservice.Mem{}
				first := selfservice.Credential{Key: keystest.Key(t, keys.ES256)}
				if c.secret {
					first = secretCredential("the first secret of the client, which is long enough")
				}
				server.made = append(server.made, first)
				server.Adopt(first)
				ctx, end := context.WithCancel(t.Context())
				one := &selfservice.Rotator{Provider: server.Registrar(nil), Store: store}
				one.New = func(_ context.Context, like selfservice.Credential) (selfservice.Credential, error) {
					made := selfservice.Credential{Secret: keys.NewSecret("a secret that was made at " + time.Now().String())}
					if like.Key != nil {
						made = selfservice.Credential{Key: keystest.Key(t, keys.ES256)}
					}
					server.mu.Lock()
					defer server.mu.Unlock()
					server.made = append(server.made, made)
					return made, nil
				}
				require.NoError(t, one.Adopt(ctx, first))
				other := &selfservice.Rotator{Store: store, Timing: selfservice.Timing{Reread: time.Hour}}
				var running sync.WaitGroup
				running.Go(func() { other.Run(ctx) })

				transport := &assertion.Transport{Auth: c.auth(other), Endpoint: audience + "/token", Base: server}
				config := oauth2.Config{ClientID: id, Endpoint: oauth2.Endpoint{TokenURL: audience + "/token", AuthStyle: oauth2.AuthStyleInParams}}
				user := func() {
					ctx := context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: transport})
					_, err := config.Exchange(ctx, "a-code-that-is-good-once", oauth2.VerifierOption("the-verifier"))
					assert.NoError(t, err)
				}
				user()
				for range rotations {
					require.NoError(t, one.Rotate(ctx))
					before := server.requests
					var all sync.WaitGroup
					for range users {
						all.Go(user)
					}
					all.Wait()
					assert.LessOrEqual(t, server.requests-before, 2*users)
					assert.Greater(t, server.requests-before, users, "at least one was refused")
					time.Sleep(2 * time.Second)
				}
				end()
				running.Wait()
			})
		})
	}
}
