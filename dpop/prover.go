package dpop

import (
	"net/http"
	"sync"

	"github.com/nokkel/nokkel/keys"
)

// Prover keeps what a client has learned of its servers: the last nonce of
// each origin (RFC 9449 §8.2). One Prover serves a whole program; the zero
// value is ready, and it is safe for concurrent use.
type Prover struct {
	mu     sync.Mutex
	nonces map[string]string
}

// Bind returns a RoundTripper that sends requests over base, each with a proof
// by key. It is how a token request is made for a key of the caller's choice.
func (p *Prover) Bind(base http.RoundTripper, key *keys.Key) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		return p.send(base, r, key, "")
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (p *Prover) nonce(origin string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nonces[origin]
}

// learn takes the nonce that any answer may carry (RFC 9449 §8.2).
func (p *Prover) learn(origin string, resp *http.Response) (fresh bool) {
	nonce := resp.Header.Get("DPoP-Nonce")
	if nonce == "" {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nonces == nil {
		p.nonces = make(map[string]string)
	}
	p.nonces[origin] = nonce
	return true
}
