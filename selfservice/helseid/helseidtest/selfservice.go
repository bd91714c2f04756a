package helseidtest

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/nokkel/nokkel/selfservice/helseid"
)

func (s *Server) validity() time.Duration {
	if s.Validity <= 0 {
		return 90 * 24 * time.Hour
	}
	return s.Validity
}

// clientSecret is the self-service API's one resource.
func (s *Server) clientSecret(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.authorize(w, r)
	if !ok {
		return
	}
	if !strings.Contains(" "+g.scope+" ", " "+helseid.SelfServiceScope+" ") {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	switch r.Method {
	case http.MethodGet:
		s.list(w, g.client)
	case http.MethodPost:
		s.register(w, r, g.client)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (s *Server) list(w http.ResponseWriter, client string) {
	type row struct {
		Expiration *time.Time `json:"expiration"`
		Kid        string     `json:"kid"`
		Thumbprint string     `json:"jwkThumbprint"`
		Origin     string     `json:"origin"`
		PublicJwk  *string    `json:"publicJwk"`
	}
	rows := []row{}
	for _, k := range s.clients[client] {
		x := row{Kid: k.key.KeyID, Thumbprint: k.thumbprint, Origin: k.origin}
		if !k.expires.IsZero() {
			x.Expiration = &k.expires
		}
		rows = append(rows, x)
	}
	writeJSON(w, http.StatusOK, rows)
}

func (s *Server) register(w http.ResponseWriter, r *http.Request, client string) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	var text string
	if json.Unmarshal(body, &text) == nil {
		body = []byte(text) // the older clients send a JSON string that holds the JWK
	}
	var jwk jose.JSONWebKey
	if jwk.UnmarshalJSON(body) != nil || !jwk.IsPublic() {
		writeJSON(w, http.StatusBadRequest, map[string]any{"title": "Invalid JWK", "status": 400})
		return
	}
	k := registered{key: jwk, thumbprint: thumbprint(jwk), expires: time.Now().Add(s.validity()).UTC().Truncate(time.Second), origin: "Api"}
	s.clients[client] = append(s.clients[client], k)
	writeJSON(w, http.StatusOK, map[string]any{"expiration": k.expires})
}

// patients is the sample API.
func (s *Server) patients(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.authorize(w, r); ok {
		writeJSON(w, http.StatusOK, []string{"Kari Nordmann", "Ola Nordmann"})
	}
}
