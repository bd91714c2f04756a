package dpop

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nokkel/nokkel/internal/origin"
)

// Mode says which tokens an API takes, beside those that come by the DPoP scheme
// with a proof by their key. A token that is bound to a key is refused by the
// Bearer scheme in every mode, and one that is bound to a certificate is taken
// with that certificate only.
type Mode int

// The modes.
const (
	RequireDPoP  Mode = iota // no others
	RequireBound             // those that are bound to the client's certificate (RFC 8705 §3)
	AllowBearer              // also those that are bound to nothing, for as long as clients change over (RFC 9449 §7.2)
)

// Middleware lets requests through that carry a good access token and prove
// what it is bound to (RFC 9449 §7, RFC 8705 §3, RFC 6750):
//
//	guard := &dpop.Middleware{
//		Tokens:  &access.Verifier{Issuer: "https://sts.example.no", Audiences: []string{"nhn:patients"}},
//		Proofs:  &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{}},
//		BaseURL: "https://api.example.no",
//	}
//	mux.Handle("GET /patients", guard.Handler(patients, "nhn:patients/read"))
//
// It is safe for concurrent use; its fields must not change after the first
// request. What is wrong with them is an [ErrConfig] of [Middleware.Validate],
// and 500 for every request.
//
// The URL that a proof must name is made of BaseURL, or of Hosts: the name that
// a client writes into Host is not believed without. What the application has
// taken off the path (http.StripPrefix) counts, and what a proxy has taken off
// belongs into BaseURL.
type Middleware struct {
	Tokens Tokens
	Proofs *Verifier
	Mode   Mode // zero: DPoP is required

	BaseURL string   // where clients find the API: "https://api.example.no", or with a path that a proxy takes off
	Hosts   []string // in place of BaseURL: the names, with a port that is not the scheme's, by which they find it

	// TrustedProxies are the peers whose X-Forwarded-Proto and X-Forwarded-Host
	// (one value each) stand for scheme and name of the request, where Hosts are
	// used; with RFC7239 it is the last element of Forwarded in their place. A
	// proxy must set or remove what its clients send of them. Of all others they
	// are not looked at.
	TrustedProxies []netip.Prefix
	RFC7239        bool

	OnError func(ctx context.Context, err error) // told of everything that is not let in; nil: nobody

	setUp  sync.Once
	setErr error
	counts [3]atomic.Uint64
}

// Counts is what became of requests so far.
type Counts struct {
	Passed      uint64
	Refused     uint64 // for what was in the request
	Unavailable uint64 // since nobody could tell: 500 and 503
}

// Counts returns what became of requests so far.
func (m *Middleware) Counts() Counts {
	return Counts{m.counts[0].Load(), m.counts[1].Load(), m.counts[2].Load()}
}

// Validate returns an error with [ErrConfig] for a Middleware that lets nobody
// in: without Tokens or Proofs, with such that their own Validate refuses, or
// without one of BaseURL and Hosts. A BaseURL is absolute, https (or
// http on loopback), and has neither user, query nor fragment. A server calls it
// before it listens.
func (m *Middleware) Validate() error {
	m.setUp.Do(func() { m.setErr = m.validate() })
	return m.setErr
}

func (m *Middleware) validate() error {
	switch {
	case m.Tokens == nil || m.Proofs == nil:
		return refuse(ErrConfig, "a Middleware needs Tokens and Proofs")
	case m.Mode < RequireDPoP || m.Mode > AllowBearer:
		return refuse(ErrConfig, "Mode")
	case (m.BaseURL == "") == (len(m.Hosts) == 0):
		return refuse(ErrConfig, "a Middleware needs BaseURL or Hosts, and not both")
	case m.BaseURL != "" && !isBase(m.BaseURL):
		return refuse(ErrConfig, "BaseURL is not the https URL of an API")
	}
	for _, host := range m.Hosts {
		if checkHost(host) != nil { // as it would be in a URL
			return refuse(ErrConfig, "Hosts has what is not the name of a host")
		}
	}
	if tokens, ok := m.Tokens.(interface{ Validate() error }); ok {
		if err := tokens.Validate(); err != nil {
			return err
		}
	}
	return m.Proofs.Validate()
}

func isBase(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && origin.Secure(u) && checkHost(u.Host) == nil && u.User == nil && !strings.ContainsAny(raw, "?#")
}

// Handler returns a handler that calls next with the requests that are let in
// and have these scopes. [TokenFrom] gives next their token. On all others it
// answers itself, with 401 and the challenges of RFC 9449 §7.1 and §9 and
// RFC 6750 §3, 403 for scopes that are missing, 400 or 421 for a request that is
// wrong in itself, 429 for too many proofs of one key, and 503 where nobody can
// tell. Each answer has the nonce for the next request, where there are nonces,
// and is not to be stored then; next may say otherwise in its Cache-Control. A
// handler for CORS goes outside: preflight requests have no token, and a script
// reads WWW-Authenticate and DPoP-Nonce only where that one exposes them.
func (m *Middleware) Handler(next http.Handler, scopes ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verdict := m.checkRequest(r, scopes)
		for name, values := range verdict.Header {
			w.Header()[name] = values
		}
		if verdict.Err != nil {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.WriteHeader(verdict.Status)
			w.Write([]byte(http.StatusText(verdict.Status) + "\n"))
			return
		}
		next.ServeHTTP(w, r.WithContext(WithToken(r.Context(), verdict.Token)))
	})
}

func (m *Middleware) checkRequest(r *http.Request, scopes []string) Verdict {
	if err := m.Validate(); err != nil {
		return m.refused(r.Context(), err, "")
	}
	target, err := m.requestURL(r)
	if err != nil {
		return m.refused(r.Context(), err, "")
	}
	call := Call{
		Method: r.Method,
		URL:    target,
		Proofs: r.Header.Values("DPoP"),
		Scopes: scopes,
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		call.Certificate = r.TLS.PeerCertificates[0]
	}
	return m.Check(r.Context(), r.Header.Values("Authorization"), call)
}

// Format prints a fixed text for every verb, like [Prover.Format].
func (m *Middleware) Format(f fmt.State, _ rune) { io.WriteString(f, "dpop.Middleware") }

type contextKey struct{}

// WithToken returns a context from which [TokenFrom] gets the token: for
// programs that call [Middleware.Check] themselves, and for tests.
func WithToken(ctx context.Context, t *Token) context.Context {
	return context.WithValue(ctx, contextKey{}, t)
}

// TokenFrom returns the token of the request that was let in; nil when there is
// none.
func TokenFrom(ctx context.Context) *Token {
	t, _ := ctx.Value(contextKey{}).(*Token)
	return t
}
