package helseidtest

import (
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4/json"
	"github.com/nokkel/nokkel/selfservice/helseid"
)

const maxBody = 64 << 10

// list answers GET /v1/client-secret.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	who, ok := s.authorize(w, r, helseid.SelfServiceScope)
	if !ok {
		return
	}
	type row struct {
		Expiration *time.Time `json:"expiration"`
		Kid        string     `json:"kid"`
		Thumbprint string     `json:"jwkThumbprint"`
		Origin     string     `json:"origin"`
		PublicJwk  *string    `json:"publicJwk"`
	}
	rows := []row{}
	for _, k := range s.client(who.Client).live(s.later()) {
		x := row{Kid: k.kid, Thumbprint: k.thumbprint, Origin: k.origin}
		if !k.expires.IsZero() {
			x.Expiration = &k.expires
		}
		if k.origin == "Api" {
			x.PublicJwk = &k.text
		}
		rows = append(rows, x)
	}
	s.counters.lists.Add(1)
	s.writeJSON(w, http.StatusOK, "application/json", rows)
}

// register answers POST /v1/client-secret.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	who, ok := s.authorize(w, r, helseid.SelfServiceScope)
	if !ok {
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		s.problem(w, http.StatusUnsupportedMediaType, "Unsupported media type", KeyMalformed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		s.problem(w, http.StatusRequestEntityTooLarge, "Request too large", KeyMalformed)
		return
	}
	var text string
	if json.Unmarshal(body, &text) == nil {
		body = []byte(text) // older clients send the JWK in a JSON string
	}
	key, refusal := parseJWK(body)
	if refusal == "" && key.kid == "" {
		refusal = KeyRefused
	}
	if refusal != "" {
		s.problem(w, http.StatusBadRequest, "Invalid JWK", refusal)
		return
	}
	k, refusal := s.client(who.Client).add(s, key)
	if refusal != "" {
		s.problem(w, http.StatusConflict, "Duplicate key", refusal)
		return
	}
	s.counters.registrations.Add(1)
	var answer struct {
		Expiration *time.Time `json:"expiration"`
	}
	if !k.expires.IsZero() {
		answer.Expiration = &k.expires
	}
	s.writeJSON(w, http.StatusOK, "application/json", answer)
}

// problem refuses a request with problem details (RFC 9457 §3).
func (s *Server) problem(w http.ResponseWriter, status int, title string, refusal Refusal) {
	s.counters.refuse(refusal)
	s.writeJSON(w, status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": title, "status": status, "detail": string(refusal), "instance": "/v1/client-secret",
	})
}
