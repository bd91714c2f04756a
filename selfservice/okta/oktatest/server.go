// Package oktatest is an Okta org in memory, for tests of programs that own
// their credentials there: the management API of apps, client secrets and
// public keys, and the endpoints where an app authenticates, at the org's own
// authorization server and at custom ones of any ID. Those give JWTs, whose "aud"
// is "api://" and the ID.
//
//	server := oktatest.Start(t)
//	id := server.AddApp(oktatest.App{Keys: []*keys.PublicKey{key.PublicKey()}, Service: true, Scopes: …, Role: oktatest.SuperAdmin})
//	client := &okta.Client{Org: server.Org(), AppID: id}
//
// It is strict. An app has at most two secrets and 50 keys, including inactive
// ones; an active credential cannot be deleted, nor the only active one
// deactivated; an assertion or a proof is good for one request, to the URL that
// it names; tokens are bound to a DPoP key, with a nonce. [Server.Nodes] splits
// it into nodes that learn of a change one after the other, [Server.Inject]
// loses replies, and [Server.Events] is its System Log. Where Okta's
// documentation leaves open what happens, [Doubts] lets a test choose.
//
// It verifies with go-jose, not with this module's code.
package oktatest

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/internal/fake"
	"github.com/nokkel/nokkel/selfservice/okta"
)

// APIToken is an SSWS token of a super administrator.
const APIToken = "00oktatest-api-token"

// Server is one org. It is an http.Handler. Its fields are set before the
// first request.
type Server struct {
	URL string // what it takes for its own address, in audiences and proofs

	// Nodes is how many nodes the token endpoint has; zero: one. The first knows
	// of a change at once, each further one learns of it Lag later than the one
	// before. Requests go to them in turn, or with ByConnection those of one
	// connection to one node, and the next connection to the next.
	Nodes        int
	Lag          time.Duration
	ByConnection bool

	// Limit is how many requests a minute each bucket allows: the credentials and
	// lists of apps, single apps, token requests; zero: any number.
	Limit int

	// Concurrent is how many requests may be under way; zero: any number.
	Concurrent int

	// KeysAge is how long the keys of a JWKS URL are cached; zero: 10 minutes. An
	// unknown kid makes the server fetch them earlier, but not twice in 10 s.
	KeysAge time.Duration

	// Fetch is how JWKS URLs are fetched; nil: http.DefaultTransport.
	Fetch http.RoundTripper

	Doubts Doubts

	mux      http.ServeMux
	faults   fake.Faults[Fault]
	balancer fake.Balancer
	inFlight atomic.Int64

	mu      sync.Mutex // held for a whole request
	apps    *apps
	counter int // IDs
	tokens  map[hash]*token
	spent   map[string]time.Time // expiry by jti of assertions and proofs
	swept   time.Time
	buckets map[string]*bucket
	events  []Event
}

// Doubts are the questions that Okta's documentation, its SDKs and captured
// traffic leave open or answer in different ways. The zero value is the
// likeliest answer to each.
type Doubts struct {
	ArrayOfKeys       bool // keys are listed as an array, not as {"keys":[…]}
	WrappedKeys       bool // keys are listed as {"jwks":{"keys":[…]}}
	EmptyBody         bool // no credentials are listed as nothing at all, not as an empty list
	EmptyObject       bool // no credentials are listed as {}
	NoRepeat          bool // activating what is active, and the opposite, is refused
	IgnoresStatus     bool // a secret added as INACTIVE is active
	SecretReplacesAll bool // a client_secret in a PUT ends both secrets, not the newest one
	DropsKeys         bool // a PUT without jwks deletes the stored keys
	KeysOptional      bool // a PUT to private_key_jwt needs no keys
	URLOverKeys       bool // jwks and jwks_uri in one PUT is taken as jwks_uri, not refused
	MethodNewSecret   bool // another method of the same secret makes a new one
	TakesTwice        bool // a secret that the app has already can be added again
	ClientIDInPath    bool // the client_id serves as an app's ID
	OtherHash         bool // secret_hash is not SHA-256
	OldWords          bool // errors are worded as in 2022
	NonceOnLimit      bool // a 429 carries a new DPoP nonce
	SilentScopes      bool // scopes that were not granted are left out of a token, not refused
	BearerUnasked     bool // a proof is ignored for an app that need not send one
	NoRefetch         bool // an unknown kid does not make the server fetch a JWKS URL
	StaleReads        bool // what is read of an app comes from the node whose turn it is, not from the first one
}

// New returns an org at that address without apps.
func New(url string) *Server {
	s := &Server{URL: url, apps: &apps{}, tokens: map[hash]*token{}, spent: map[string]time.Time{}, buckets: map[string]*bucket{}}
	s.routes()
	return s
}

// Start serves a new org on loopback until the test ends.
func Start(t testing.TB) *Server {
	var s *Server
	s = New(fake.Listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.ServeHTTP(w, r) })))
	return s
}

// Org returns the org as package okta knows it.
func (s *Server) Org() okta.Org { return okta.Org{URL: s.URL} }

// Admin returns a super administrator with an SSWS token.
func (s *Server) Admin() *okta.Admin {
	return &okta.Admin{Org: s.Org(), APIToken: keys.NewSecret(APIToken)}
}

// ServeHTTP answers one request. Requests are answered one after the other.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.serve(s.mux.ServeHTTP)(w, r)
}

func (s *Server) routes() {
	const apps, one = "/api/v1/apps", "/api/v1/apps/{app}"
	const secrets, keys = one + "/credentials/secrets", one + "/credentials/jwks"
	read, manage := okta.ScopeRead, okta.ScopeManage
	s.mux.HandleFunc("POST /oauth2/v1/token", s.locked(bucketToken, (*Server).token))
	s.mux.HandleFunc("POST /oauth2/{server}/v1/token", s.locked(bucketToken, (*Server).token))
	s.mux.HandleFunc("POST /oauth2/v1/introspect", s.locked(bucketToken, (*Server).introspect))
	s.mux.HandleFunc("POST /oauth2/{server}/v1/introspect", s.locked(bucketToken, (*Server).introspect))
	for _, server := range []string{"", "/oauth2/{server}"} {
		s.mux.HandleFunc("GET "+server+"/.well-known/openid-configuration", s.locked(bucketPublic, (*Server).discovery))
		s.mux.HandleFunc("GET "+server+"/.well-known/oauth-authorization-server", s.locked(bucketPublic, (*Server).discovery))
	}
	s.mux.HandleFunc("GET /oauth2/v1/keys", s.locked(bucketPublic, (*Server).keys))
	s.mux.HandleFunc("GET /oauth2/{server}/v1/keys", s.locked(bucketPublic, (*Server).keys))
	s.mux.HandleFunc("GET "+one, s.onApp(bucketApp, read, getApp))
	s.mux.HandleFunc("PUT "+one, s.onApp(bucketApp, manage, putApp))
	for _, f := range []family{{secrets, listSecrets, addSecret}, {keys, listKeys, addKey}} {
		s.mux.HandleFunc("GET "+f.path, s.onApp(bucketApps, read, f.list))
		s.mux.HandleFunc("POST "+f.path, s.onApp(bucketApps, manage, f.add))
		s.mux.HandleFunc("GET "+f.path+"/{id}", s.onApp(bucketApps, read, getCredential))
		s.mux.HandleFunc("DELETE "+f.path+"/{id}", s.onApp(bucketApps, manage, deleteCredential))
		s.mux.HandleFunc("POST "+f.path+"/{id}/lifecycle/activate", s.onApp(bucketApps, manage, activateCredential))
		s.mux.HandleFunc("POST "+f.path+"/{id}/lifecycle/deactivate", s.onApp(bucketApps, manage, deactivateCredential))
	}
	s.mux.HandleFunc("/", s.locked("", func(_ *Server, w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "E0000008", "The requested path was not found")
	}))
}

// family is what differs between secrets and keys.
type family struct {
	path      string
	list, add appHandler
}

type appHandler func(*Server, *app, http.ResponseWriter, *http.Request)

// locked returns a handler that answers one request at a time.
func (s *Server) locked(bucket string, h func(*Server, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		if s.limited(w, bucket) {
			return
		}
		h(s, w, r)
	}
}

// onApp returns a handler of the management API that acts on an app.
func (s *Server) onApp(bucket, scope string, h appHandler) http.HandlerFunc {
	return s.locked(bucket, func(s *Server, w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 {
			fail(w, http.StatusLengthRequired, "E0000003", "The request body was not well-formed.")
			return
		}
		who, ok := s.caller(w, r, scope)
		if !ok {
			return
		}
		a := s.find(r.PathValue("app"))
		if a == nil {
			notFound(w, r.PathValue("app"), "AppInstance")
			return
		}
		if scope == okta.ScopeManage && !who.may(a) || who.role == "" {
			fail(w, http.StatusForbidden, "E0000006", "You do not have permission to perform the requested action")
			return
		}
		a.caller = who
		h(s, a, w, r)
	})
}

func (s *Server) find(id string) *app {
	for _, a := range s.apps.all {
		if a.id == id || s.Doubts.ClientIDInPath && a.clientID() == id {
			return a
		}
	}
	return nil
}

func (s *Server) byClientID(id string) *app {
	for _, a := range s.apps.all {
		if a.clientID() == id {
			return a
		}
	}
	return nil
}

// id returns a new ID in Okta's form.
func (s *Server) id(prefix string) string {
	s.counter++
	return fmt.Sprintf("%s1%016d", prefix, s.counter)
}

// spend reports whether a jti is new, and remembers it.
func (s *Server) spend(jti string, until time.Time) bool {
	now := time.Now()
	if now.Sub(s.swept) > time.Second { // bounds both maps
		s.swept = now
		for key, until := range s.spent {
			if now.After(until) {
				delete(s.spent, key)
			}
		}
		for h, t := range s.tokens {
			if now.After(t.expires) {
				delete(s.tokens, h)
			}
		}
	}
	if _, used := s.spent[jti]; used {
		return false
	}
	s.spent[jti] = until
	return true
}
