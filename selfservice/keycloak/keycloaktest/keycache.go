package keycloaktest

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	reload  = 10 // minimum seconds between two loads for unknown kids
	maxIdle = time.Hour
)

// cached holds a client's keys as of the last load. Only an update of the client,
// time, or an unknown kid makes the server load them again.
type cached struct {
	keys         []loadedKey
	loaded, used time.Time
}

// loadedKey is a key of a client, with its RFC 7638 thumbprint.
type loadedKey struct {
	jose.JSONWebKey
	thumbprint string
}

func withThumbprints(list ...jose.JSONWebKey) []loadedKey {
	loaded := make([]loadedKey, len(list))
	for i, k := range list {
		sum, _ := k.Thumbprint(crypto.SHA256) // fails for keys that no credential has
		loaded[i] = loadedKey{k, base64.RawURLEncoding.EncodeToString(sum)}
	}
	return loaded
}

// publicKey returns the key that verifies an assertion, or nil.
func (s *Server) publicKey(realm *realm, c *client, kid, alg string) any {
	now := s.now()
	e := realm.cache[place{s.node, c.id}]
	if e != nil && now.Sub(e.used) > maxIdle {
		e = nil
	}
	if e != nil {
		if key := e.find(kid, alg); key != nil {
			e.used = now
			return key
		}
		if !e.mayReload(now) {
			return nil
		}
	}
	e = &cached{keys: s.loadKeys(c), loaded: now, used: now}
	realm.cache[place{s.node, c.id}] = e
	return e.find(kid, alg)
}

// mayReload counts in whole seconds, as the server does.
func (e *cached) mayReload(now time.Time) bool { return now.Unix() > e.loaded.Unix()+reload }

func (e *cached) find(kid, alg string) any {
	for _, k := range e.keys {
		if k.KeyID == kid || kid == "" && k.Algorithm == alg || kid == "" && len(k.Certificates) > 0 {
			return k.Key
		}
	}
	return nil
}

// loadKeys reads the URL, the JWKS or the certificate, in this order. A URL that
// does not answer leaves the client without keys.
func (s *Server) loadKeys(c *client) []loadedKey {
	a := c.attributes
	switch {
	case a["use.jwks.url"] == "true":
		return s.parsed(document{string(s.fetch(a["jwks.url"])), false})
	case a["use.jwks.string"] == "true":
		return s.parsed(document{a["jwks.string"], true})
	case a["jwt.credential.certificate"] != "":
		der, _ := base64.StdEncoding.DecodeString(a["jwt.credential.certificate"])
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil
		}
		return withThumbprints(jose.JSONWebKey{Key: certificate.PublicKey, KeyID: storedKeyID(c, certificate.PublicKey), Certificates: []*x509.Certificate{certificate}})
	case a["jwt.credential.public.key"] != "":
		der, _ := base64.StdEncoding.DecodeString(a["jwt.credential.public.key"])
		public, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return nil
		}
		return withThumbprints(jose.JSONWebKey{Key: public, KeyID: storedKeyID(c, public)})
	}
	return nil
}

// document is a JWKS that a client has stored or publishes.
type document struct {
	text    string
	needUse bool // its keys must have a use
}

// parsed caches the last document, as tests read the same one after every call.
func (s *Server) parsed(d document) []loadedKey {
	list, ok := s.documents[d]
	if !ok {
		if len(s.documents) > 100 {
			clear(s.documents)
		}
		list = withThumbprints(usable([]byte(d.text), d.needUse)...)
		s.documents[d] = list
	}
	return list
}

// storedKeyID is the kid of a key without a JWK: the hash of its
// SubjectPublicKeyInfo.
func storedKeyID(c *client, public any) string {
	if kid := c.attributes["jwt.credential.kid"]; kid != "" {
		return kid
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// usable drops what the server cannot use. A set that is not JSON counts as
// empty.
func usable(text []byte, needUse bool) []jose.JSONWebKey {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(text, &set) != nil {
		return nil
	}
	var list []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		// The server does not know RFC 9864.
		if k.UnmarshalJSON(raw) == nil && k.IsPublic() && k.Algorithm != "Ed25519" && (k.Use == "sig" || k.Use == "" && !needUse) {
			list = append(list, k)
		}
	}
	return list
}

func (s *Server) fetch(address string) []byte {
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return nil
	}
	rt := s.Fetch
	if rt == nil {
		rt = http.DefaultTransport
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return body
}
