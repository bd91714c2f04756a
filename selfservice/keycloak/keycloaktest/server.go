// Package keycloaktest is a Keycloak in memory, for the tests of programs that
// rotate credentials at Keycloak. It has the token endpoint, client registration,
// and the part of the Admin REST API that package admin uses.
//
//	server := keycloaktest.Start(t)
//	server.AddRealm("test")
//	secret := server.AddClient("test", "app")
//	realm := admin.Realm{Server: server.URL, Name: "test"}
//	api := &admin.API{Realm: realm, Tokens: server.Admin()}
//
// Access tokens are JWTs that verify by the keys at the realm's jwks_uri, as an
// API does that has the issuer server.URL+"/realms/test". [Server.AddAudience] and
// [Server.AddClientScope] put its own audience and scopes into them.
//
// It behaves like version 26.7.4 with the feature client-secret-rotation, strict
// and with all its surprises, such as cached keys and updates that reset what they
// leave out. It can have several nodes ([Server.Nodes]), and lose changes that it
// has confirmed ([Server.Forget]). The contract tests of this module run on it
// and on live servers alike. It verifies with go-jose, not with this module's
// code.
package keycloaktest

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/fake"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

// Version is the version that the server reports.
const Version = "26.7.4"

// The service account in the realm master that has every role.
const (
	AdminID     = "boot"
	AdminSecret = "boot-secret"
)

// Server is a fake Keycloak. It is an http.Handler.
type Server struct {
	URL string // its own address, in audiences and proofs

	// Nodes is the number of nodes; zero means one. All nodes see a change at
	// once, but each caches keys, and updates on other nodes do not reach its
	// cache. It reloads a client's keys for an unknown kid if the last load was
	// more than 10 s ago. Requests go to the nodes in turn, or with ByConnection
	// each connection goes to the next node. [Server.Node] reaches a specific one.
	Nodes        int
	ByConnection bool

	// Fetch fetches JWKS URLs; nil means http.DefaultTransport.
	Fetch http.RoundTripper

	mux    http.ServeMux
	mu     sync.Mutex // held for a whole request
	ahead  time.Duration
	realms map[string]*realm
	tokens map[hash]*token
	spent  map[string]time.Time // jti of assertions and proofs, until when
	swept  time.Time

	documents map[document][]loadedKey

	balancer fake.Balancer
	node     int          // the one that answers now
	heeds    map[int]bool // the nodes that heed the others' updates of keys
	changes  []func()     // undo the last changes
}

// New returns a server with the given address and the realm master. Use AddRealm
// or its API to create others.
func New(url string) *Server {
	s := &Server{URL: url, realms: map[string]*realm{}, tokens: map[hash]*token{}, spent: map[string]time.Time{}, heeds: map[int]bool{}, documents: map[document][]loadedKey{}}
	s.routes()
	s.AddRealm("master")
	administrator := s.realms["master"].add(AdminID)
	administrator.secret, administrator.serviceAccount = AdminSecret, true
	administrator.roles = map[string]bool{"manage-clients": true, "manage-realm": true}
	return s
}

// Start serves a new server on loopback until the test ends.
func Start(t testing.TB) *Server {
	var s *Server
	s = New(fake.Listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.ServeHTTP(w, r) })))
	return s
}

// Admin returns a token source for an administrator of all realms.
func (s *Server) Admin() *assertion.TokenSource {
	return admin.Realm{Server: s.URL, Name: "master"}.Tokens(
		&assertion.Basic{ClientID: AdminID, Secret: keys.NewSecret(AdminSecret)}, nil)
}

// Accepts reports whether every node would now accept the client's credential
// with that fingerprint (selfservice.Credential).
func (s *Server) Accepts(realm, clientID, fingerprint string) bool {
	for n := range s.nodes() {
		if !s.AcceptsAt(n, realm, clientID, fingerprint) {
			return false
		}
	}
	return true
}

// AcceptsAt is like Accepts, for one node. The first is 0.
func (s *Server) AcceptsAt(node int, realm, clientID, fingerprint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.realms[realm].byClientID(clientID)
	if c.method == "client-secret" {
		return !s.mainExpired(c) && s.acceptsSecret(c, func(secret string) bool {
			return selfservice.Credential{Secret: keys.NewSecret(secret)}.Fingerprint() == fingerprint
		})
	}
	has := func(list []loadedKey) bool {
		return slices.ContainsFunc(list, func(k loadedKey) bool { return k.thumbprint == fingerprint })
	}
	e := s.realms[realm].cache[place{node, c.id}]
	if e != nil && has(e.keys) {
		return true
	}
	return (e == nil || e.mayReload(s.now())) && has(s.loadKeys(c))
}

// Advance moves the server's clock forward by d.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

func (s *Server) now() time.Time { return time.Now().Add(s.ahead) }

// ServeHTTP answers one request at a time.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	s.mux.ServeHTTP(w, r)
}

func (s *Server) routes() {
	const clients, one = "/admin/realms/{realm}/clients", "/admin/realms/{realm}/clients/{id}"
	s.mux.HandleFunc("POST /realms/{realm}/protocol/openid-connect/token", s.inRealm((*Server).token))
	s.mux.HandleFunc("POST /realms/{realm}/protocol/openid-connect/token/introspect", s.inRealm((*Server).introspect))
	s.mux.HandleFunc("GET /realms/{realm}/.well-known/openid-configuration", s.inRealm((*Server).discovery))
	s.mux.HandleFunc("GET /realms/{realm}/protocol/openid-connect/certs", s.inRealm((*Server).certs))
	s.mux.HandleFunc("GET /realms/{realm}/protocol/openid-connect/userinfo", s.inRealm((*Server).userinfo))
	s.mux.HandleFunc("POST /realms/{realm}/protocol/openid-connect/userinfo", s.inRealm((*Server).userinfo))
	s.mux.HandleFunc("GET /realms/{realm}/protocol/openid-connect/auth", s.inRealm((*Server).authorizeUser))
	s.mux.HandleFunc("GET /realms/{realm}/clients-registrations/openid-connect/{client}", s.inRealm((*Server).registration))
	s.mux.HandleFunc("PUT /realms/{realm}/clients-registrations/openid-connect/{client}", s.inRealm((*Server).registration))
	s.mux.HandleFunc("GET /admin/serverinfo", s.locked((*Server).serverInfo))
	s.mux.HandleFunc("POST /admin/realms", s.locked((*Server).postRealm))
	s.mux.HandleFunc("GET "+clients, s.asAdmin(view, (*Server).findClients))
	s.mux.HandleFunc("POST "+clients, s.asAdmin(manage, (*Server).postClient))
	s.mux.HandleFunc("GET "+one, s.onClient(view, (*Server).getClient))
	s.mux.HandleFunc("PUT "+one, s.onClient(manage, remembered((*Server).putClient)))
	s.mux.HandleFunc("DELETE "+one, s.onClient(manage, remembered((*Server).deleteClient)))
	s.mux.HandleFunc("POST "+one+"/roles", s.onClient(manage, remembered((*Server).postRole)))
	s.mux.HandleFunc("POST "+one+"/registration-access-token", s.onClient(manage, remembered((*Server).postRegistrationToken)))
	s.mux.HandleFunc("GET "+one+"/client-secret", s.onClient(view, (*Server).getSecret))
	s.mux.HandleFunc("POST "+one+"/client-secret", s.onClient(manage, remembered((*Server).postSecret)))
	s.mux.HandleFunc("GET "+one+"/client-secret/rotated", s.onClient(view, (*Server).getRotated))
	s.mux.HandleFunc("DELETE "+one+"/client-secret/rotated", s.onClient(manage, remembered((*Server).deleteRotated)))
	s.mux.HandleFunc("GET "+one+"/certificates/jwt.credential", s.onClient(view, (*Server).getCertificate))
	s.mux.HandleFunc("POST "+one+"/certificates/jwt.credential/{operation}", s.onClient(manage, remembered((*Server).postCertificate)))
	s.mux.HandleFunc("GET /admin/realms/{realm}/client-policies/{kind}", s.asAdmin(viewRealm, (*Server).getPolicies))
	s.mux.HandleFunc("PUT /admin/realms/{realm}/client-policies/{kind}", s.asAdmin(manageRealm, (*Server).putPolicies))
	s.mux.HandleFunc("POST /admin/realms/{realm}/clear-keys-cache", s.asAdmin(manageRealm, (*Server).clearKeysCache))
}

type realmHandler func(*Server, *realm, http.ResponseWriter, *http.Request)

func (s *Server) locked(h func(*Server, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.arrive(r)
		h(s, w, r)
	}
}

func (s *Server) inRealm(h realmHandler) http.HandlerFunc {
	return s.locked(func(s *Server, w http.ResponseWriter, r *http.Request) {
		if realm := s.realms[r.PathValue("realm")]; realm != nil {
			h(s, realm, w, r)
			return
		}
		fail(w, http.StatusNotFound, "Realm does not exist", "")
	})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header()["Date"] = nil // Keycloak sends none
	if v == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// fail answers with an OAuth error.
func fail(w http.ResponseWriter, status int, code, description string) {
	body := map[string]string{"error": code}
	if description != "" {
		body["error_description"] = description
	}
	answer(w, status, body)
}

// failAdmin answers with an error of the Admin API.
func failAdmin(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]any{"errorMessage": message, "field": nil, "params": nil, "errors": nil})
}

// crash answers as the server does after an uncaught exception.
func crash(w http.ResponseWriter) {
	fail(w, http.StatusInternalServerError, "unknown_error", "For more on this error consult the server log.")
}

// spend reports whether a jti is new, and remembers it.
func (s *Server) spend(jti string, until time.Time) bool {
	s.sweep()
	if _, used := s.spent[jti]; used {
		return false
	}
	s.spent[jti] = until
	return true
}

// sweep sometimes drops what has expired, as a load test fills both maps.
func (s *Server) sweep() {
	now := s.now()
	if now.Sub(s.swept) < time.Second {
		return
	}
	s.swept = now
	maps.DeleteFunc(s.spent, func(_ string, until time.Time) bool { return now.After(until) })
	maps.DeleteFunc(s.tokens, func(_ hash, t *token) bool { return now.After(t.expires) })
}

// generateSecret makes 86 characters, as 26.7 does.
func generateSecret() string {
	secret := ""
	for len(secret) < 86 {
		secret += rand.Text()
	}
	return secret[:86]
}
