package dcr_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/internal/fake"
)

const issuer = "http://127.0.0.1"

// server is an authorization server with RFC 7592 as in Keycloak: each PUT
// replaces the registration access token and invalidates the old one. It reads
// keys and assertions with go-jose.
type server struct {
	rotatesSecret time.Duration // a PUT within this before the secret's expiry makes a new one
	overlap       bool          // the old secret stays valid
	masks         bool          // a GET shows no secret
	audience      string        // the only "aud" that it accepts; empty: any
	scope         string        // of every token
	codeOnly      bool          // the client may use only the authorization code grant
	grantFirst    bool          // it checks the code before it authenticates the client
	uri           string        // "registration_client_uri" of its answers; empty: its own
	nodes         int           // of the endpoints that authenticate the client; zero: one
	lag           time.Duration // delay from each node to the next in seeing a change

	balancer fake.Balancer
	history  fake.History[credentials]

	mu       sync.Mutex
	metadata map[string]any
	access   string // registration access token
	secret   string
	older    []string
	expires  time.Time
	made     int
	seen     map[string]bool
	refused  int // failed authentications
	puts     int
}

// credentials are what the client may authenticate with.
type credentials struct {
	jwks   string
	set    jose.JSONWebKeySet
	secret string
	older  []string
}

func newServer(metadata map[string]any) *server {
	s := &server{metadata: metadata, access: rand.Text(), secret: rand.Text(), seen: map[string]bool{}}
	metadata["client_id"] = "app"
	return s
}

func (s *server) registration() dcr.Registration {
	return dcr.Registration{ClientID: "app", URI: issuer + "/register/app", AccessToken: keys.NewSecret(s.access)}
}

// recover does what an administrator would.
func (s *server) recover(context.Context) (keys.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.access = rand.Text()
	return keys.NewSecret(s.access), nil
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed()
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		json.NewEncoder(w).Encode(map[string]string{
			"issuer": issuer, "token_endpoint": issuer + "/token", "pushed_authorization_request_endpoint": issuer + "/par",
		})
	case "/token":
		s.token(w, r)
	case "/par":
		s.push(w, r)
	case "/register/app":
		s.manage(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *server) manage(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+s.access {
		w.WriteHeader(http.StatusUnauthorized)
		w.Write([]byte(`{"error":"invalid_token"}`))
		return
	}
	if r.Method == http.MethodPut {
		var m map[string]any
		if json.NewDecoder(r.Body).Decode(&m) != nil || !s.takes(m) {
			w.WriteHeader(http.StatusBadRequest)
			w.Write([]byte(`{"error":"invalid_client_metadata"}`))
			return
		}
		s.metadata = m
		s.access = rand.Text()
		s.puts++
		if s.rotatesSecret > 0 && time.Until(s.expires) < s.rotatesSecret {
			s.older = append(s.older, s.secret)
			s.secret, s.expires = rand.Text(), time.Now().Add(100*24*time.Hour)
			s.made++
		}
		s.changed()
	}
	answer := map[string]any{
		"registration_access_token": s.access, "registration_client_uri": cmp.Or(s.uri, issuer+"/register/app"),
		"client_id_issued_at": 1, "client_secret": s.secret, "client_secret_expires_at": 0,
	}
	if s.masks && r.Method == http.MethodGet {
		answer["client_secret"] = "**********"
	}
	if !s.expires.IsZero() {
		answer["client_secret_expires_at"] = s.expires.Unix()
	}
	for name, value := range s.metadata {
		answer[name] = value
	}
	json.NewEncoder(w).Encode(answer)
}

// takes checks what RFC 7592 §2.2 requires and forbids in an update.
func (s *server) takes(m map[string]any) bool {
	for _, name := range []string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"} {
		if _, there := m[name]; there {
			return false
		}
	}
	_, set := m["jwks"]
	_, uri := m["jwks_uri"]
	return m["client_id"] == "app" && m["client_name"] == s.metadata["client_name"] && !(set && uri)
}

// changed propagates the current state to the nodes.
func (s *server) changed() {
	b, _ := json.Marshal(s.metadata["jwks"])
	if last := s.history.At(time.Now()); last.jwks == string(b) && last.secret == s.secret {
		return
	}
	now := credentials{jwks: string(b), secret: s.secret, older: s.older}
	json.Unmarshal(b, &now.set) // as go-jose reads it
	s.history.Add(time.Now(), now, time.Duration(s.nodes)*s.lag)
}

// known returns the state that a node sees.
func (s *server) known(node int) credentials {
	return s.history.At(time.Now().Add(-time.Duration(node) * s.lag))
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	code := r.PostForm.Get("grant_type") == "authorization_code"
	switch {
	case code && s.grantFirst:
		fails(w, http.StatusBadRequest, "invalid_grant")
	case !s.authenticates(r):
		s.refused++
		fails(w, http.StatusUnauthorized, "invalid_client")
	case code:
		fails(w, http.StatusBadRequest, "invalid_grant") // it has issued none
	case s.codeOnly:
		fails(w, http.StatusBadRequest, "unauthorized_client")
	case r.PostForm.Get("scope") != s.scope:
		fails(w, http.StatusBadRequest, "invalid_scope")
	default:
		w.Write([]byte(`{"access_token":"t","token_type":"Bearer","expires_in":60}`))
	}
}

// push takes an authorization request (RFC 9126 §2).
func (s *server) push(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	switch f := r.PostForm; {
	case !s.authenticates(r):
		fails(w, http.StatusUnauthorized, "invalid_request") // as in Keycloak
	case f.Get("response_type") != "code" || f.Get("redirect_uri") == "" || f.Get("code_challenge_method") != "S256" || len(f.Get("code_challenge")) != 43:
		fails(w, http.StatusBadRequest, "invalid_request")
	default:
		w.WriteHeader(http.StatusCreated)
		w.Write([]byte(`{"request_uri":"urn:example:1","expires_in":60}`))
	}
}

func fails(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": code})
}

func (s *server) authenticates(r *http.Request) (ok bool) {
	known := s.known(s.balancer.Node(r, s.nodes, false))
	assertion := r.PostForm.Get("client_assertion")
	if assertion == "" {
		return s.acceptsSecret(known, r.PostForm.Get("client_secret"))
	}
	jws, err := jose.ParseSignedCompact(assertion, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || s.seen[assertion] {
		return false
	}
	s.seen[assertion] = true
	for _, k := range known.set.Key(jws.Signatures[0].Header.KeyID) {
		claims, err := jws.Verify(k)
		var c struct{ Aud string }
		ok = ok || err == nil && json.Unmarshal(claims, &c) == nil && (s.audience == "" || c.Aud == s.audience)
	}
	return ok
}

func (s *server) acceptsSecret(known credentials, secret string) bool {
	return secret == known.secret || s.overlap && slices.Contains(known.older, secret)
}

// accepts reports whether every node accepts the credential with the given
// fingerprint.
func (s *server) accepts(fingerprint string) bool {
	for node := range max(s.nodes, 1) {
		if !s.acceptsAt(node, fingerprint) {
			return false
		}
	}
	return true
}

func (s *server) acceptsAt(node int, fingerprint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed()
	known := s.known(node)
	if len(known.set.Key(fingerprint)) > 0 {
		return true
	}
	return slices.ContainsFunc(append([]string{known.secret}, known.older...), func(secret string) bool {
		return (selfservice.Credential{Secret: keys.NewSecret(secret)}).Fingerprint() == fingerprint && s.acceptsSecret(known, secret)
	})
}

func (s *server) credential() selfservice.Credential {
	return selfservice.Credential{Secret: keys.NewSecret(s.secret)}
}
