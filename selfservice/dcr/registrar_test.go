package dcr_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
)

// registrar is a server that registers clients (RFC 7591) and lets them read
// and delete themselves (RFC 7592).
type registrar struct {
	initial string                 // the initial access token; empty: anyone may register
	before  func(m map[string]any) // inspects a request
	answer  func(m map[string]any) // changes a response
	refuse  func() (int, string)   // nil accepts everything

	mu       sync.Mutex
	clients  map[string]map[string]any
	requests int
}

func (s *registrar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	id, one := strings.CutPrefix(r.URL.Path, "/register/")
	switch {
	case r.URL.Path == "/.well-known/openid-configuration":
		json.NewEncoder(w).Encode(map[string]string{"issuer": issuer, "token_endpoint": issuer + "/token", "registration_endpoint": issuer + "/register"})
	case r.URL.Path == "/register" && r.Method == http.MethodPost:
		s.register(w, r)
	case one:
		s.manage(w, r, id)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *registrar) register(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests++
	s.mu.Unlock()
	want := ""
	if s.initial != "" {
		want = "Bearer " + s.initial
	}
	var m map[string]any
	switch {
	case r.Header.Get("Authorization") != want:
		fails(w, http.StatusUnauthorized, "invalid_token")
		return
	case r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&m) != nil:
		fails(w, http.StatusBadRequest, "invalid_client_metadata")
		return
	}
	if s.before != nil {
		s.before(m)
	}
	if s.refuse != nil {
		status, code := s.refuse()
		fails(w, status, code)
		return
	}
	id := rand.Text()
	m["client_id"], m["registration_client_uri"], m["registration_access_token"] = id, issuer+"/register/"+id, rand.Text()
	if method, _ := m["token_endpoint_auth_method"].(string); strings.HasPrefix(method, "client_secret_") {
		m["client_secret"], m["client_secret_expires_at"] = rand.Text(), 0
	}
	s.mu.Lock()
	if s.clients == nil {
		s.clients = map[string]map[string]any{}
	}
	s.clients[id] = m
	s.mu.Unlock()
	shown := map[string]any{}
	for name, value := range m {
		shown[name] = value
	}
	if s.answer != nil {
		s.answer(shown)
	}
	w.WriteHeader(http.StatusCreated)
	json.NewEncoder(w).Encode(shown)
}

func (s *registrar) manage(w http.ResponseWriter, r *http.Request, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.clients[id]
	switch {
	case m == nil || r.Header.Get("Authorization") != "Bearer "+m["registration_access_token"].(string):
		fails(w, http.StatusUnauthorized, "invalid_token")
	case r.Method == http.MethodDelete:
		delete(s.clients, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		json.NewEncoder(w).Encode(m)
	}
}

// only returns the one client that there is.
func (s *registrar) only() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) != 1 {
		return map[string]any{"clients": len(s.clients)}
	}
	for _, m := range s.clients {
		return m
	}
	return nil
}

func (s *registrar) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients)
}
