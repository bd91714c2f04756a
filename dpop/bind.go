package dpop

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

// Bind returns an http.RoundTripper that sends each request over base with a
// proof by key, for programs that get their tokens elsewhere: as the Base of an
// assertion.Transport, or in the HTTP client of golang.org/x/oauth2. The key
// must stay the same for as long as a token lives that is bound to it.
//
// "Authorization: DPoP t" is proven for t. A request without one (to a token
// endpoint, say) gets a proof without "ath". "Bearer" is refused with
// [ErrToken], for nothing would bind that token to the key. All other rules
// are those of [Transport].
//
// A nil base is the Prover's own: a copy of http.DefaultTransport's settings as
// they are at its first use, with connections of its own and a limit of 256 KiB
// on response headers. The MaxResponseHeaderBytes of another base is the
// caller's; net/http's default is 10 MiB.
func (p *Prover) Bind(base http.RoundTripper, key *keys.Key) http.RoundTripper {
	return &binding{p, base, key}
}

type binding struct {
	prover *Prover
	base   http.RoundTripper
	key    *keys.Key
}

// RoundTrip sends the request; see [Transport] for how often.
func (b *binding) RoundTrip(req *http.Request) (*http.Response, error) {
	x, err := b.prover.begin(b.base, req)
	if err != nil {
		return nil, err
	}
	defer x.body.done()
	token, err := presetToken(req.Header)
	if err != nil {
		return nil, err
	}
	return x.send(token, b.key)
}

// CloseIdleConnections closes those of the base.
func (b *binding) CloseIdleConnections() { closeIdle(b.prover.base(b.base)) }

// Format prints a fixed text for every verb, like [Prover.Format].
func (b *binding) Format(f fmt.State, _ rune) { io.WriteString(f, "dpop.Prover.Bind") }

func closeIdle(rt http.RoundTripper) {
	if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// presetToken returns the DPoP token that the caller has put into the request,
// "" when it has put none. Schemes such as Basic authenticate a client at its
// token endpoint and are left alone.
func presetToken(h http.Header) (string, error) {
	values := h.Values("Authorization")
	if len(values) > 1 {
		return "", refuse(ErrToken, "more than one Authorization")
	}
	if len(values) == 0 {
		return "", nil
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return "", refuse(ErrToken, "a bearer token is not bound to the key")
	case !strings.EqualFold(scheme, "DPoP"):
		return "", nil
	case token == "":
		return "", refuse(ErrToken, "the Authorization is empty")
	}
	return token, nil
}
