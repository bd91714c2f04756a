package dpop

import (
	"container/list"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/internal/transport"
	"github.com/nokkel/nokkel/keys"
)

const maxPlaces = 256 // servers whose nonce and clock are remembered

// Prover keeps what a client has learned of its servers: the last nonce of
// each (RFC 9449 §8.2, §9) and how far its clock is from ours, for the 256
// servers used last. One Prover serves a whole program. The zero value is
// ready to use, and safe for concurrent use.
type Prover struct {
	mu     sync.Mutex
	places map[place]*list.Element
	recent list.List // of *memory, the one used last in front
	hashed atomic.Pointer[hashedToken]

	ownBase sync.Once
	own     http.RoundTripper
}

// place is a server in one of its roles: a nonce from the token endpoint is
// not one for the API (RFC 9449 §9), even where both are at the same origin.
type place struct {
	origin string
	api    bool // requests carry a token
}

type memory struct {
	place place
	nonce string
	skew  time.Duration // the server's clock minus ours
}

// hashedToken is the token used last and its "ath". A program sends the same
// one with thousands of requests, and comparing takes a tenth of hashing.
type hashedToken struct {
	token keys.Secret
	ath   string
}

func (p *Prover) tokenHash(token string) string {
	if token == "" {
		return ""
	}
	last := p.hashed.Load()
	if last == nil || last.token.Reveal() != token {
		last = &hashedToken{keys.NewSecret(token), tokenHash(token)}
		p.hashed.Store(last)
	}
	return last.ath
}

// Format prints a fixed text for every verb: fmt would walk through the maps
// while they change.
func (p *Prover) Format(f fmt.State, _ rune) { io.WriteString(f, "dpop.Prover") }

// base returns b or the Prover's own transport.
func (p *Prover) base(b http.RoundTripper) http.RoundTripper {
	if b != nil {
		return b
	}
	p.ownBase.Do(func() { p.own = transport.Copy() })
	return p.own
}

// recall returns what is known of a place.
func (p *Prover) recall(at place) memory {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.places[at]; e != nil {
		p.recent.MoveToFront(e)
		return *e.Value.(*memory)
	}
	return memory{place: at}
}

// learn changes what is known of a place.
func (p *Prover) learn(at place, change func(*memory)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.places[at]
	if e == nil {
		if p.places == nil {
			p.places = make(map[place]*list.Element)
		}
		if p.recent.Len() == maxPlaces {
			delete(p.places, p.recent.Remove(p.recent.Back()).(*memory).place)
		}
		e = p.recent.PushFront(&memory{place: at})
		p.places[at] = e
	}
	p.recent.MoveToFront(e)
	change(e.Value.(*memory))
}
