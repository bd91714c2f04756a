package dpop

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/nokkel/nokkel/internal/origin"
	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/internal/respbody"
	"github.com/nokkel/nokkel/keys"
)

const (
	minDrift = 3 * time.Second // a smaller one is the network's and the Date header's whole seconds
	maxDrift = 24 * time.Hour  // a larger one is not a clock's
)

// exchange is one request of the caller: the attempts that it takes, each
// with a proof of its own. There are at most four: the first, and one more
// for each of a nonce, a clock and a token that the server refused.
type exchange struct {
	prover *Prover
	base   http.RoundTripper
	req    *http.Request
	origin string
	htu    string
	body   *body

	nonceTried, clockTried bool
}

// begin checks where the request goes before anything of it is touched. The
// caller of begin calls body.done; on an error the body is closed already.
func (p *Prover) begin(base http.RoundTripper, req *http.Request) (*exchange, error) {
	x := &exchange{prover: p, base: p.base(base), req: req, body: newBody(req)}
	if err := x.locate(); err != nil {
		x.body.done()
		return nil, err
	}
	return x, nil
}

// locate refuses to carry a token or a proof where the caller did not send
// the request: to another origin after a redirect, or over plain http.
func (x *exchange) locate() (err error) {
	u := x.req.URL
	if u == nil {
		return refuse(ErrURL, "there is none")
	}
	if x.htu, err = targetURI(u, cmp.Or(x.req.Host, u.Host)); err != nil {
		return err
	}
	var ok bool
	if x.origin, ok = origin.Of(u); !ok {
		return refuse(ErrURL, "it has no host")
	}
	if !origin.Secure(u) {
		return refuse(ErrInsecure, "http is for this machine only")
	}
	// An http.Client gives each request that follows a redirect the answer
	// that caused it, and that one its request.
	for r := x.req; r.Response != nil; {
		if r = r.Response.Request; r == nil || r.URL == nil {
			return refuse(ErrRedirect, "from an unknown origin")
		}
		if !origin.Same(r.URL, u) {
			return refuse(ErrRedirect, "to another origin")
		}
	}
	return nil
}

// send makes attempts until one is answered for good. A token that is not
// empty goes along and is proven.
func (x *exchange) send(token string, key *keys.Key) (*http.Response, error) {
	at := place{x.origin, token != ""}
	known := x.prover.recall(at)
	trial := known // what the next attempt uses
	// A nonce is shared only when this request is done with it: servers exist
	// that take each one once, and a retry must not find it used up.
	defer func() {
		if trial.nonce != known.nonce {
			x.prover.learn(at, func(m *memory) { m.nonce = trial.nonce })
		}
	}()
	for {
		sent := time.Now()
		resp, err := x.attempt(token, key, trial)
		if err != nil {
			return nil, err
		}
		nonce := nonceOf(resp.Header)
		if nonce != "" {
			trial.nonce = nonce
		}
		if trial.skew != known.skew && !refused(resp) {
			// Only now is it known that the Date was that of the clock which judges proofs.
			x.prover.learn(at, func(m *memory) { m.skew = trial.skew })
		}
		if !x.retryable(resp, nonce, sent, &trial.skew, at) {
			resp.Request = x.req // not the one that carries token and proof
			return resp, nil
		}
		respbody.Drain(resp.Body, maxErrorBody)
	}
}

// retryable reports whether another attempt can do better than this answer, and
// corrects skew when it was the clock. If the body cannot be sent twice, the next
// request to the same place uses that clock.
func (x *exchange) retryable(resp *http.Response, nonce string, sent time.Time, skew *time.Duration, at place) bool {
	if !refused(resp) {
		return false
	}
	replayable := x.body.replayable()
	drift := clockDrift(resp, sent.Add(*skew), time.Now().Add(*skew))
	mayNonce := !x.nonceTried && nonce != ""
	mayClock := !x.clockTried && drift != 0
	if !mayNonce && !mayClock {
		return false
	}
	codes := errorCodes(resp)
	switch {
	case mayNonce && slices.Contains(codes, errorUseNonce):
		x.nonceTried = true
		return replayable
	case mayClock && (slices.Contains(codes, errorInvalidProof) || slices.Contains(codes, errorInvalidRequest)):
		x.clockTried = true
		*skew += drift
		if !replayable { // the next request is the one to find out
			x.prover.learn(at, func(m *memory) { m.skew = *skew })
		}
		return replayable
	}
	return false
}

// attempt sends the request once. Its errors, and those of reading the answer,
// quote neither token nor proof.
func (x *exchange) attempt(token string, key *keys.Key, m memory) (*http.Response, error) {
	ctx := x.req.Context()
	proof, err := sign(ctx, key, x.htu, x.prover.tokenHash(token), Proof{
		Method: x.req.Method, Nonce: m.nonce, IssuedAt: time.Now().Add(m.skew),
	})
	if err != nil {
		return nil, err
	}
	r := x.req.WithContext(ctx) // a copy; the caller's request stays as it is
	if r.Header = x.req.Header.Clone(); r.Header == nil {
		r.Header = make(http.Header)
	}
	r.Header.Set("DPoP", proof)
	if token != "" {
		r.Header.Set("Authorization", "DPoP "+token)
	}
	if r.Body, err = x.body.next(); err != nil {
		return nil, err
	}
	sent := func() (v redact.Values) {
		v.AddRequest(r)
		return v
	}
	resp, err := x.base.RoundTrip(r)
	if err != nil {
		return nil, sent().Error(err)
	}
	resp.Body = redact.Body(resp.Body, sent)
	return resp, nil
}

// refused reports whether the status is one with which servers refuse a proof.
func refused(resp *http.Response) bool {
	return resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnauthorized
}

// clockDrift returns how far the server's clock is outside of the time, by
// ours, in which it answered; 0 when that is little, unknown, or unproven: in
// clear anyone could write a Date and have proofs of tomorrow made.
func clockDrift(resp *http.Response, sent, received time.Time) time.Duration {
	if resp.TLS == nil || len(resp.TLS.VerifiedChains) == 0 {
		return 0
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0
	}
	var drift time.Duration
	switch {
	case date.Before(sent):
		drift = date.Sub(sent)
	case date.After(received):
		drift = date.Sub(received)
	}
	if drift.Abs() < minDrift || drift.Abs() > maxDrift {
		return 0
	}
	return drift
}
