package oktatest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/fake"
	"github.com/nokkel/nokkel/selfservice/okta"
)

// Role is the administrator role of a service app.
type Role string

// The roles of the fake. Only a super administrator may change the credentials
// of an app that has been granted okta.* scopes.
const (
	NoRole     Role = ""
	AppAdmin   Role = "APP_ADMIN"
	Custom     Role = "CUSTOM" // manages apps, and is not shown client secrets
	SuperAdmin Role = "SUPER_ADMIN"
)

// App is an app as it is set up.
type App struct {
	ID         string            // empty: one is made
	ClientID   string            // empty: the ID
	Method     okta.Method       // empty: private_key_jwt with Keys or KeysURL, else client_secret_basic
	Secret     keys.Secret       // of a method that uses one; zero: one is made
	Keys       []*keys.PublicKey // stored
	KeysURL    string            // where keys are fetched
	Bare       bool              // a lone key has neither kid nor use nor alg, as when it was written by hand
	Encryption bool              // there is a key for encryption besides
	Service    bool              // it may use the client credentials grant
	DPoP       bool              // its token requests need a proof
	Scopes     []string          // okta.* scopes that it was granted
	Role       Role
}

// apps stands behind a pointer in Server, so that fmt does not print secrets.
type apps struct{ all []*app }

// app is an app as it is now, and as the nodes know it.
type app struct {
	id       string
	document map[string]any // all but the credentials below
	secrets  []credential
	keys     []credential
	scopes   []string
	role     Role
	history  fake.History[view]
	cache    map[int]*fetched

	caller caller // of the current request
}

// credential is a secret or a key.
type credential struct {
	id               string
	value            string         // of a secret
	jwk              map[string]any // of a key
	signs            []signingKey   // the same parsed
	active           bool
	created, updated time.Time
}

// view is what a node knows of an app.
type view struct {
	method   okta.Method
	secrets  []credential
	keys     []credential
	url      string
	document map[string]any // a PUT replaces it
}

func (a *app) view() view {
	return view{a.method(), slices.Clone(a.secrets), slices.Clone(a.keys), a.url(), a.document}
}

func (a *app) oauth(part string) map[string]any { return oauthOf(a.document, part) }

func text(m map[string]any, name string) string {
	s, _ := m[name].(string)
	return s
}

func (a *app) clientID() string { return text(a.oauth("credentials"), "client_id") }
func (a *app) method() okta.Method {
	return okta.Method(text(a.oauth("credentials"), "token_endpoint_auth_method"))
}
func (a *app) url() string { return text(a.oauth("settings"), "jwks_uri") }
func (a *app) dpop() bool  { b, _ := a.oauth("settings")["dpop_bound_access_tokens"].(bool); return b }
func (a *app) grants(grant string) bool {
	list, _ := a.oauth("settings")["grant_types"].([]any)
	return slices.Contains(list, any(grant))
}

func usesSecret(m okta.Method) bool {
	return m == okta.MethodBasic || m == okta.MethodPost || m == okta.MethodSecretJWT
}

// changed records the state of an app, of which the nodes learn in turn.
func (s *Server) changed(a *app) {
	a.history.Add(time.Now(), a.view(), time.Duration(s.Nodes)*s.Lag)
}

// known returns an app as a node knows it.
func (s *Server) known(a *app, node int) view {
	return a.history.At(time.Now().Add(-time.Duration(node) * s.Lag))
}

// read returns an app as a reader sees it.
func (s *Server) read(a *app, r *http.Request) view {
	if !s.Doubts.StaleReads {
		return s.known(a, 0)
	}
	return s.known(a, s.balancer.Node(r, s.Nodes, s.ByConnection))
}

func (s *Server) nodes() int { return max(s.Nodes, 1) }

// AddApp adds an app, which every node knows at once, and returns its ID.
func (s *Server) AddApp(in App) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &app{id: in.ID, scopes: in.Scopes, role: in.Role, cache: map[int]*fetched{}}
	if a.id == "" {
		a.id = s.id("0oa")
	}
	if in.ClientID == "" {
		in.ClientID = a.id
	}
	if in.Method == "" {
		in.Method = okta.MethodBasic
		if len(in.Keys) > 0 || in.KeysURL != "" {
			in.Method = okta.MethodPrivateKey
		}
	}
	grants, kind := []any{"authorization_code"}, "web"
	if in.Service {
		grants, kind = []any{"client_credentials"}, "service"
	}
	settings := map[string]any{"grant_types": grants, "response_types": []any{}, "application_type": kind, "dpop_bound_access_tokens": in.DPoP}
	if in.KeysURL != "" {
		settings["jwks_uri"] = in.KeysURL
	}
	a.document = map[string]any{
		"name": "oidc_client", "label": "app " + a.id, "status": "ACTIVE", "signOnMode": "OPENID_CONNECT",
		"credentials": map[string]any{
			"oauthClient": map[string]any{"client_id": in.ClientID, "token_endpoint_auth_method": string(in.Method), "autoKeyRotation": true, "pkce_required": false},
			"signing":     map[string]any{"kid": "oktas-own-" + a.id},
		},
		"settings": map[string]any{"oauthClient": settings, "notes": map[string]any{"admin": "kept"}},
		"profile":  map[string]any{"a field of the customer's own": 1.5e300},
	}
	now := time.Now()
	for _, k := range in.Keys {
		var jwk map[string]any
		json.Unmarshal(k.JWK(), &jwk)
		if in.Bare {
			delete(jwk, "kid")
			delete(jwk, "alg")
			jwk["use"] = nil
		}
		a.keys = append(a.keys, credential{id: s.id("pks"), jwk: jwk, signs: parseJWK(jwk), active: true, created: now, updated: now})
	}
	if in.Encryption {
		jwk := map[string]any{"kty": "RSA", "use": "enc", "kid": "encrypts", "e": "AQAB", "n": strings.Repeat("u", 342)}
		a.keys = append(a.keys, credential{id: s.id("pks"), jwk: jwk, signs: parseJWK(jwk), active: true, created: now, updated: now})
	}
	if usesSecret(in.Method) {
		value := in.Secret.Reveal()
		if value == "" {
			value = generate()
		}
		a.secrets = append(a.secrets, credential{id: s.id("ocs"), value: value, active: true, created: now, updated: now})
	}
	s.apps.all = append(s.apps.all, a)
	s.changed(a)
	return a.id
}

// generate returns a secret of 64 characters.
func generate() string { return (rand.Text() + rand.Text() + rand.Text())[:64] }

// Accepts reports whether every node now accepts the credential of that
// fingerprint (selfservice.Credential).
func (s *Server) Accepts(appID, fingerprint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.find(appID)
	for node := range s.nodes() {
		if !s.accepts(a, node, fingerprint) {
			return false
		}
	}
	return true
}

// Knows reports whether the credential of that fingerprint is registered and
// active, even if some nodes do not know it yet.
func (s *Server) Knows(appID, fingerprint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepts(s.find(appID), 0, fingerprint)
}

func (s *Server) accepts(a *app, node int, fingerprint string) bool {
	v := s.known(a, node)
	if usesSecret(v.method) {
		return slices.ContainsFunc(v.secrets, func(c credential) bool {
			return c.active && selfservice.Credential{Secret: keys.NewSecret(c.value)}.Fingerprint() == fingerprint
		})
	}
	return slices.ContainsFunc(s.signing(a, v, node, ""), func(k signingKey) bool { return k.thumbprint == fingerprint })
}
