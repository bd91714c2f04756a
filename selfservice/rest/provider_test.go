package rest_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/providertest"
)

// keyServer is the server of the example: a token endpoint (private_key_jwt),
// and the API with which the client manages its keys.
type keyServer struct {
	http.ServeMux
	url string

	mu    sync.Mutex
	keys  []*keys.PublicKey
	token string
	added int
}

func newKeyServer(first *keys.PublicKey) *keyServer {
	s := &keyServer{keys: []*keys.PublicKey{first}}
	s.HandleFunc("POST /token", s.locked(s.getToken))
	s.HandleFunc("GET /keys", s.locked(s.api(s.list)))
	s.HandleFunc("POST /keys", s.locked(s.api(s.add)))
	s.HandleFunc("DELETE /keys/{thumbprint}", s.locked(s.api(s.remove)))
	return s
}

func (s *keyServer) locked(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		h(w, r)
	}
}

// api requires the last token.
func (s *keyServer) api(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+s.token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h(w, r)
	}
}

func (s *keyServer) getToken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if !s.authenticated(r.PostFormValue("client_assertion")) {
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"error":"invalid_client"}`)
		return
	}
	s.token = rand.Text()
	json.NewEncoder(w).Encode(map[string]any{"access_token": s.token, "token_type": "Bearer", "expires_in": 60})
}

func (s *keyServer) authenticated(assertion string) bool {
	jws, err := jose.ParseSignedCompact(assertion, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return false
	}
	var claims struct{ Iss, Sub, Aud string }
	return slices.ContainsFunc(s.keys, func(k *keys.PublicKey) bool {
		payload, err := jws.Verify(k.Public())
		return err == nil && json.Unmarshal(payload, &claims) == nil && claims.Iss == "app" && claims.Sub == "app" && claims.Aud == s.url
	})
}

func (s *keyServer) list(w http.ResponseWriter, _ *http.Request) {
	rows := []map[string]string{}
	for _, k := range s.keys {
		rows = append(rows, map[string]string{"kid": k.KeyID(), "thumbprint": k.Thumbprint()})
	}
	json.NewEncoder(w).Encode(rows)
}

func (s *keyServer) find(thumbprint string) int {
	return slices.IndexFunc(s.keys, func(k *keys.PublicKey) bool { return k.Thumbprint() == thumbprint })
}

func (s *keyServer) add(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key, err := keys.ParsePublic(body, keys.Options{})
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
	} else if s.find(key.Thumbprint()) < 0 {
		s.keys, s.added = append(s.keys, key), s.added+1
	}
}

func (s *keyServer) remove(w http.ResponseWriter, r *http.Request) {
	i := s.find(r.PathValue("thumbprint"))
	if i < 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	s.keys = slices.Delete(s.keys, i, i+1)
}

func TestExampleProvider(t *testing.T) {
	first, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	providertest.Run(t, func(t *testing.T) *providertest.Target {
		server := newKeyServer(first.PublicKey())
		server.url = "https://as.example.no"
		return &providertest.Target{
			Provider: func(io *providertest.IO) selfservice.Provider {
				return KeyAPI{URL: server.url, ClientID: "app", Base: io.Transport(providertest.Handler(server))}
			},
			First: selfservice.Credential{Key: first},
			Accepts: func(fingerprint string) bool {
				server.mu.Lock()
				defer server.mu.Unlock()
				return server.find(fingerprint) >= 0
			},
			Registered: func() int { return server.added },
			Gone:       true,
		}
	})
}
