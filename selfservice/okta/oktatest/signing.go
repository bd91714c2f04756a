package oktatest

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/selfservice/okta"
)

// signingKey is a key that assertions are verified with.
type signingKey struct {
	kid, use, thumbprint string
	key                  any
}

// signing returns the keys of an app that a node accepts. An unknown kid may make
// it fetch a JWKS URL again.
func (s *Server) signing(a *app, v view, node int, kid string) (list []signingKey) {
	if v.method != okta.MethodPrivateKey {
		return nil
	}
	if v.url != "" {
		return s.fetched(a, v.url, node, kid)
	}
	for _, c := range v.keys {
		if c.active {
			list = append(list, c.signs...)
		}
	}
	return list
}

// parseJWK returns one key, or none. It is called once for each key that is
// registered or fetched.
func parseJWK(members map[string]any) []signingKey {
	known := map[string]any{}
	for _, name := range []string{"kty", "kid", "use", "n", "e", "crv", "x", "y"} {
		if s := text(members, name); s != "" {
			known[name] = s
		}
	}
	raw, err := json.Marshal(known)
	var k jose.JSONWebKey
	if err != nil || k.UnmarshalJSON(raw) != nil || !k.IsPublic() {
		return nil
	}
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil
	}
	return []signingKey{{text(known, "kid"), text(known, "use"), base64.RawURLEncoding.EncodeToString(sum), k.Key}}
}

// fetched is a node's copy of the keys at a URL.
type fetched struct {
	url  string
	keys []signingKey
	at   time.Time
}

const refetch = 10 * time.Second

func (s *Server) fetched(a *app, url string, node int, kid string) []signingKey {
	age := s.KeysAge
	if age == 0 {
		age = 10 * time.Minute
	}
	now, have := time.Now(), a.cache[node]
	if have != nil && have.url == url && now.Sub(have.at) < age {
		unknown := kid != ""
		for _, k := range have.keys {
			unknown = unknown && k.kid != kid
		}
		if !unknown || s.Doubts.NoRefetch || now.Sub(have.at) < refetch {
			return have.keys
		}
	}
	set, ok := s.get(url)
	if !ok {
		if have != nil && have.url == url {
			return have.keys
		}
		return nil
	}
	have = &fetched{url: url, at: now}
	for _, members := range set {
		have.keys = append(have.keys, parseJWK(members)...)
	}
	a.cache[node] = have
	return have.keys
}

func (s *Server) get(url string) ([]map[string]any, bool) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, false
	}
	var rt http.RoundTripper = http.DefaultTransport
	if s.Fetch != nil {
		rt = s.Fetch
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, false
	}
	defer resp.Body.Close()
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if resp.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&set) != nil {
		return nil, false
	}
	return set.Keys, true
}
