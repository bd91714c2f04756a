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

// Mode says which tokens an API accepts besides those that come by the DPoP
// scheme with a proof by their key. Every mode refuses a token that is bound
// to a key when it comes by the Bearer scheme, and accepts one that is bound
// to a certificate with that certificate only.
type Mode int

// The modes.
const (
	RequireDPoP  Mode = iota // no others
	RequireBound             // also those bound to the client's certificate (RFC 8705 §3)
	AllowBearer              // also unbound ones, while clients migrate (RFC 9449 §7.2)
)

// Middleware lets requests through that carry a valid access token and prove
// possession of what it is bound to (RFC 9449 §7, RFC 8705 §3, RFC 6750):
//
//	guard := &dpop.Middleware{
//		Tokens:  &access.Verifier{Issuer: "https://sts.example.no", Audiences: []string{"nhn:patients"}},
//		Proofs:  &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{}},
//		BaseURL: "https://api.example.no",
//	}
//	mux.Handle("GET /patients", guard.Handler(patients, "nhn:patients/read"))
//
// It is safe for concurrent use; its fields must not change after the first
// request. If they are wrong, [Middleware.Validate] returns an [ErrConfig] and
// every request is answered with 500.
//
// The URL that a proof must name is built from BaseURL, or from Hosts: the Host
// that a client sends is not trusted otherwise. A prefix that the application
// has stripped (http.StripPrefix) counts; one that a proxy has stripped belongs
// in BaseURL. A proxy must leave the rest of the path as it is, and not repeat a
// request, for its proof may be spent. For nginx that is proxy_pass without a URI
// (http://api and not http://api/) and proxy_next_upstream off.
type Middleware struct {
	Tokens Tokens
	Proofs *Verifier
	Mode   Mode // zero: DPoP is required

	BaseURL string   // where clients find the API: "https://api.example.no", plus any path that a proxy strips
	Hosts   []string // instead of BaseURL: the names by which they find it, with any port that is not the scheme's

	// TrustedProxies are the peers whose X-Forwarded-Proto and X-Forwarded-Host
	// (one value each) replace scheme and name of the request, if Hosts is used;
	// with RFC7239 the last element of Forwarded does. A proxy must set or remove
	// what its clients send in them. From all other peers they are ignored.
	TrustedProxies []netip.Prefix
	RFC7239        bool

	// OnError is called for every request that is refused; may be nil. The text of
	// the error holds nothing of a token or a proof, nor of what the driver of a
	// replay cache says: errors.As finds that error, whose text may show secrets.
	OnError func(ctx context.Context, err error)

	setUp  sync.Once
	setErr error
	counts [3]atomic.Uint64
}

// Counts are the decisions so far.
type Counts struct {
	Passed      uint64
	Refused     uint64 // because of the request
	Unavailable uint64 // because no decision was possible: 500 and 503
}

// Counts returns the decisions so far.
func (m *Middleware) Counts() Counts {
	return Counts{m.counts[0].Load(), m.counts[1].Load(), m.counts[2].Load()}
}

// Validate returns an error with [ErrConfig] for a Middleware that would
// refuse everything: one without Tokens or Proofs, with ones whose own
// Validate fails, or with neither or both of BaseURL and Hosts. A BaseURL is
// absolute, https (or http on loopback), and has no user, query or fragment.
// Call Validate before the server listens.
func (m *Middleware) Validate() error {
	m.setUp.Do(func() { m.setErr = m.validate() })
	return m.setErr
}

func (m *Middleware) validate() error {
	switch {
	case m.Tokens == nil || m.Proofs == nil:
		return refuse(ErrConfig, "a Middleware needs Tokens and Proofs")
	case m.Mode < RequireDPoP || m.Mode > AllowBearer:
		return refuse(ErrConfig, "Mode is not one of the three")
	case (m.BaseURL == "") == (len(m.Hosts) == 0):
		return refuse(ErrConfig, "a Middleware needs either BaseURL or Hosts")
	case m.BaseURL != "" && !isBase(m.BaseURL):
		return refuse(ErrConfig, "BaseURL is not the https URL of an API")
	}
	for _, host := range m.Hosts {
		if checkHost(host) != nil { // as it would be in a URL
			return refuse(ErrConfig, "an entry of Hosts is not a host name")
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

// Handler returns a handler that calls next for requests that are accepted
// and have these scopes. [TokenFrom] returns their token. It answers all
// others itself: with 401 and the challenges of RFC 9449 §7.1 and §9 and RFC
// 6750 §3, 403 if scopes are missing, 400 or 421 if the request itself is
// wrong, 429 for too many proofs by one key, and 503 if no decision is
// possible. Where there are nonces each answer carries the next one and,
// unless next sets another Cache-Control, must not be stored. A CORS handler
// goes outside: preflight requests have no token, and scripts read
// WWW-Authenticate and DPoP-Nonce only if it exposes them.
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

// TokenFrom returns the token of an accepted request; nil if there is none.
func TokenFrom(ctx context.Context) *Token {
	t, _ := ctx.Value(contextKey{}).(*Token)
	return t
}
