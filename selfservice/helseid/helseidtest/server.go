// Package helseidtest is a fake HelseID for tests: a token endpoint, the
// self-service API and a sample API protected by DPoP, in this process.
//
//	server := helseidtest.New()
//	defer server.Close()
//	server.AddClient("my-client", key.PublicKey())
//	client := &helseid.Client{Environment: server.Environment(), ClientID: "my-client"}
//
// It refuses what the real one is known to refuse, and names the rule in the answer
// and in [Server.Counts]. Its fields choose how it treats keys, make several nodes
// learn of them one after the other, and admit clients that are less strict than
// this module's. [Server.Inject] makes single requests fail, before or after they
// are carried out.
//
// Access tokens are JWTs (RFC 9068) that the key at jwks_uri verifies, so that
// a program's own API can be tested with them too. Their "aud" lists the scopes'
// parts before the slash: nhn:patients for nhn:patients/read.
//
// It verifies with package crypto alone and shares no signing or parsing code with
// the rest of this module, so that each tests the other.
package helseidtest

import (
	"crypto/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/internal/fake"
)

// Replacement says what the registration of a key does to the client's
// earlier keys of origin Api. Keys of origin Gui always remain.
type Replacement int

// The possible ways. Which one HelseID takes is not public.
const (
	Keep   Replacement = iota // they remain until they expire
	AtOnce                    // they stop working at once
	Later                     // they stop working after Server.ReplaceAfter
)

// Server is a running fake. Set its fields before the first request; its
// methods may be called at any time and from many goroutines.
type Server struct {
	// Nodes is how many nodes the token endpoint has; zero: one. The first knows
	// of a change at once (but for Propagation), each further one learns of it
	// Lag later than the one before. Requests go to them in turn, or with
	// ByConnection those of one connection to one node, and the next connection
	// to the next. The self-service API lists a key at once.
	Nodes        int
	Lag          time.Duration
	ByConnection bool

	Validity      time.Duration // of a registered key; zero: 90 days, negative: forever
	Propagation   time.Duration // a registered key is listed at once but accepted only after this
	Replace       Replacement
	ReplaceAfter  time.Duration
	TokenLifetime time.Duration // zero: 10 minutes
	NonceLifetime time.Duration // a nonce is good for this long to twice as long; zero: 1 minute
	Unsigned      bool          // access tokens get no signature, which makes a load test cheaper; no other API can check them
	NonceAtAPI    bool          // the self-service API and the sample API ask for nonces too
	APIScope      string        // of the sample API; empty: nhn:patients/read
	Skew          time.Duration // how far this server's clock is ahead of the true time, in its Date header too

	// What client assertions may do although it is refused by default. HelseID
	// accepts the first two today; whether it accepts the third is not known.
	RepeatAfterNonce bool // come again after use_dpop_nonce; it has announced that it will refuse that
	PlainType        bool // have the typ JWT or none, in place of client-authentication+jwt
	WithoutNotBefore bool // have no nbf

	http     *httptest.Server // nil: no network
	handler  http.Handler
	url      string
	clients  sync.Map     // client id → *client
	ahead    atomic.Int64 // nanoseconds, see Advance
	secret   keys.Secret  // derives the nonces
	issuer   *issuer
	asserted *spent // the jti of assertions
	proven   *spent // the jti of proofs
	faults   fake.Faults[Fault]
	balancer fake.Balancer
	counters counters
	rejected sync.Map // organisation number → scopes, see RejectScopes
}

// New starts a server on loopback, over plain http.
func New() *Server {
	s := newServer()
	s.http = httptest.NewUnstartedServer(s)
	s.start("http://"+s.http.Listener.Addr().String(), s.http.Start)
	return s
}

// NewTLS starts a server on loopback over https. Only the RoundTripper that
// [Server.Transport] returns trusts its certificate.
func NewTLS() *Server {
	s := newServer()
	s.http = httptest.NewUnstartedServer(s)
	s.start("https://"+s.http.Listener.Addr().String(), s.http.StartTLS)
	return s
}

// Listen starts a server on a TCP address, like "localhost:8080" or ":8080",
// for programs outside this process. Its URL has the host as it is written here
// (localhost if there is none), since the name of an issuer is not its IP
// address.
func Listen(address string) (*Server, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "localhost"
	}
	s := newServer()
	s.http = &httptest.Server{Listener: l, Config: &http.Server{Handler: s}}
	s.start("http://"+net.JoinHostPort(host, strconv.Itoa(l.Addr().(*net.TCPAddr).Port)), s.http.Start)
	return s, nil
}

// NewHandler returns a server without a network, for tests whose RoundTripper
// calls ServeHTTP, such as those in a testing/synctest bubble. URL is the base
// URL that requests are to name.
func NewHandler(url string) *Server {
	s := newServer()
	s.url = url
	return s
}

// start starts the server, which requests name by url.
func (s *Server) start(url string, start func()) {
	s.url = url
	start()
	s.http.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 512
}

func newServer() *Server {
	s := &Server{secret: keys.NewSecret(rand.Text()), issuer: newIssuer()}
	s.asserted = newSpent(maxAhead + leeway)
	s.proven = newSpent(proofValidity + 2*leeway + time.Second) // iat counts whole seconds
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", s.discovery)
	mux.HandleFunc("GET /.well-known/openid-configuration/jwks", s.jwks)
	mux.HandleFunc("GET /connect/authorize", s.authorizeUser)
	mux.HandleFunc("POST /connect/token", s.token)
	mux.HandleFunc("GET /v1/client-secret", s.list)
	mux.HandleFunc("POST /v1/client-secret", s.register)
	mux.HandleFunc("GET /api/patients", s.patients)
	mux.HandleFunc("POST /api/patients", s.newPatient)
	mux.HandleFunc("GET /api/token", s.whoami)
	s.handler = s.faulty(mux)
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close stops the server, and cancels the requests that it is answering.
func (s *Server) Close() {
	if s.http != nil {
		fake.Close(s.http)
	}
}

// URL is the server's base URL, which is also its issuer. The sample API is
// below it: GET and POST /api/patients, which ask for APIScope, and /api/token,
// which returns the claims of the access token.
func (s *Server) URL() string { return s.url }

// Environment returns what a helseid.Client needs to find the server.
func (s *Server) Environment() helseid.Environment {
	return helseid.Environment{Authority: s.url, BaseAddress: s.url}
}

// Transport returns a RoundTripper that trusts the server's certificate and
// keeps enough connections open for a load. It is closed with the server. A
// server without a network has none.
func (s *Server) Transport() http.RoundTripper {
	if s.http == nil {
		return nil
	}
	return s.http.Client().Transport
}

// Advance moves the clock by which keys are accepted, replaced and expire, and
// by which tokens and nonces expire. Assertions and proofs are still checked by
// the true time (plus Skew), since the client's clock has not moved.
func (s *Server) Advance(d time.Duration) { s.ahead.Add(int64(d)) }

// now is the clock for what clients sign.
func (s *Server) now() time.Time { return time.Now().Add(s.Skew) }

// later is the clock for keys, tokens and nonces, see Advance.
func (s *Server) later() time.Time { return s.now().Add(time.Duration(s.ahead.Load())) }

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
