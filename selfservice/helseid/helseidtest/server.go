// Package helseidtest is a HelseID for tests: a token endpoint, the
// self-service API and a sample API protected by DPoP, in this process.
//
//	server := helseidtest.New()
//	defer server.Close()
//	server.AddClient("my-client", key.PublicKey())
//	client := &helseid.Client{Environment: server.Environment(), ClientID: "my-client"}
//
// It is as strict as the real one is said to be. It verifies what it gets
// with go-jose and never with this module's signing code.
package helseidtest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/helseid"
)

// Server is a running fake. Its fields may be set before the first request.
type Server struct {
	Validity time.Duration // of a registered key; zero: 90 days

	http    *httptest.Server
	mu      sync.Mutex
	clients map[string][]registered
	used    map[string]bool // jti of assertions and proofs
	nonce   string
	tokens  map[string]grant
}

type registered struct {
	key        jose.JSONWebKey
	thumbprint string
	expires    time.Time
	origin     string
}

type grant struct {
	client, scope, jkt string
	expires            time.Time
}

// New starts a server on loopback.
func New() *Server {
	s := &Server{clients: map[string][]registered{}, used: map[string]bool{}, tokens: map[string]grant{}, nonce: rand.Text()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", s.discovery)
	mux.HandleFunc("POST /connect/token", s.token)
	mux.HandleFunc("/v1/client-secret", s.clientSecret)
	mux.HandleFunc("GET /api/patients", s.patients)
	s.http = httptest.NewServer(mux)
	return s
}

// Close stops the server.
func (s *Server) Close() { s.http.Close() }

// URL is the server's base URL.
func (s *Server) URL() string { return s.http.URL }

// Environment returns what a helseid.Client needs to find the server.
func (s *Server) Environment() helseid.Environment {
	return helseid.Environment{Authority: s.http.URL, BaseAddress: s.http.URL}
}

// AddClient registers a client with a key, as a person would in the portal.
func (s *Server) AddClient(id string, key *keys.PublicKey) {
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(key.JWK()); err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[id] = append(s.clients[id], registered{key: jwk, thumbprint: thumbprint(jwk), origin: "Gui"})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
