package access

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/internal/origin"
	"github.com/nokkel/nokkel/internal/respbody"
	"github.com/nokkel/nokkel/internal/transport"
	"github.com/nokkel/nokkel/keys"
)

const maxSet = 64 << 10 // bytes of a JWKS; package keys reads no longer ones

// read finds and reads the keys of the issuer.
func (v *Verifier) read(ctx context.Context) (p *published, err error) {
	defer func() { // what it panicked with may hold anything
		if recover() != nil {
			p, err = nil, unavailable("the Base of a Verifier panicked", nil)
		}
	}()
	asked := time.Now()
	address := v.JWKSURI
	if address == "" {
		m, err := assertion.Discover(ctx, v.Base, v.Issuer)
		if err != nil {
			return nil, unavailable("reading its metadata", err)
		}
		if address = m.JWKSURI; address == "" {
			return nil, unavailable("its metadata has no jwks_uri", nil)
		}
	}
	set, err := v.readSet(ctx, address)
	if err != nil {
		return nil, err
	}
	return v.plan(set, asked), nil
}

// plan says when the keys have to be read again: a tenth to a fifth of MaxAge
// before they are that old, so that the new ones are there in time and many
// processes do not ask at once.
func (v *Verifier) plan(set keys.Set, asked time.Time) *published {
	age := orDefault(v.MaxAge, defaultMaxAge)
	early := age/10 + rand.N(max(age/10, 1))
	p := &published{
		set:         set,
		thumbprints: make(map[string]bool, len(set.Keys)),
		refresh:     asked.Add(age - early),
		stale:       asked.Add(age),
		end:         asked.Add(max(age, orDefault(v.MaxStale, defaultMaxStale))),
	}
	for _, key := range set.Keys {
		p.thumbprints[key.Thumbprint()] = true
	}
	return p
}

// readSet reads a JWKS (RFC 7517 §5). One that is of no use is an error, so that
// what was there before stays.
func (v *Verifier) readSet(ctx context.Context, address string) (keys.Set, error) {
	if !isEndpoint(address) {
		return keys.Set{}, unavailable("its jwks_uri is not an https URL", nil)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return keys.Set{}, unavailable("its jwks_uri is not an https URL", nil)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := transport.Of(v.Base).RoundTrip(req) // a RoundTripper follows no redirect
	if err != nil {
		return keys.Set{}, unavailable("reading its keys", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return keys.Set{}, unavailable("reading its keys: status "+strconv.Itoa(resp.StatusCode), nil)
	}
	body, _, err := respbody.Head(resp.Body, maxSet+1, respbody.Wait)
	if err != nil {
		return keys.Set{}, unavailable("reading its keys", err)
	}
	set, err := keys.ParseSet(body)
	if err == nil && len(set.Keys) == 0 {
		err = errors.New("none that verifies signatures")
	}
	if err != nil {
		return keys.Set{}, unavailable("its keys", err)
	}
	return set, nil
}

// isEndpoint reports whether raw is the URL of a server that may be asked: https,
// or http on loopback.
func isEndpoint(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Hostname() != "" && u.User == nil && u.Fragment == "" && origin.Secure(u)
}
