package dpop

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/nokkel/nokkel/internal/respbody"
	"github.com/nokkel/nokkel/keys"
)

// TokenSource returns an access token and the key that it is bound to (RFC
// 9449 §6). The two belong together: while a token lives, its key makes every
// proof for it, whatever happens to the client's own key.
type TokenSource interface {
	BoundToken(ctx context.Context) (token string, key *keys.Key, err error)
}

// Discarder is an optional interface of a [TokenSource]. Transport calls
// Discard when an API refused the token as invalid, so that the next
// BoundToken returns another. A source that wants to protect its
// authorization server from an API that refuses every token keeps one that is
// only seconds old.
type Discarder interface {
	Discard(token string)
}

// Transport is an http.RoundTripper that sends each request with an access
// token and a proof for it (RFC 9449 §7.1).
//
// A request that has an Authorization of its own is refused with [ErrToken],
// and without Tokens nothing is sent ([ErrKey]). A program that gets its tokens
// elsewhere uses [Prover.Bind].
//
// A proof names the URL byte for byte as net/http sends it, for servers that
// compare without normalising (RFC 9449 §4.3). A host that is not ASCII must be
// in its xn-- form ([ErrURL]).
//
// A request is retried, with a new proof, at most once for each of these, since
// a server that answers so has not acted on it: a true use_dpop_nonce
// challenge that came with a nonce; a proof refused when the server's Date,
// read over verified TLS, shows our clock to be off by 3 s or more; and, from
// a Tokens that is a [Discarder], a token refused as invalid_token. A body
// without GetBody is kept while it is sent, up to 1 MiB, for this purpose; a
// larger one goes out once, and the caller gets the server's refusal and has
// the nonce or clock learned for the next request.
//
// An error of the network that quotes the token or the proof, as net/http does
// with what is not HTTP, gives way to another.
//
// Where the header of a 400 or 401 does not give the reason, up to 64 KiB of
// its body are read, for at most 10 s. The caller still gets the whole body.
//
// When net/http itself repeats an idempotent request, such as a GET, because an
// idle connection broke, it sends the same proof. A server that had accepted it
// already may refuse the second as a replay, and the caller sees that answer.
//
// Nothing is sent over http, except to loopback, and nothing to another origin
// than the first request's when an http.Client follows redirects
// ([ErrInsecure], [ErrRedirect]).
type Transport struct {
	Tokens TokenSource       // required
	Prover *Prover           // nonces and clocks of servers; nil: the Transport's own
	Base   http.RoundTripper // nil: the Prover's own, see [Prover.Bind]

	own Prover
}

// RoundTrip sends the request; see [Transport] for how often. The answer's
// Request is req, without token and proof.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	x, err := t.prover().begin(t.Base, req)
	if err != nil {
		return nil, err
	}
	defer x.body.done()
	token, key, err := t.credentials(req)
	if err != nil {
		return nil, err
	}
	resp, err := x.send(token, key)
	if err != nil || !tokenRefused(resp) {
		return resp, err
	}
	source, ok := t.Tokens.(Discarder)
	if !ok {
		return resp, nil
	}
	source.Discard(token)
	if !x.body.replayable() {
		return resp, nil
	}
	fresh, key, err := t.credentials(req)
	if err == nil && fresh == token {
		return resp, nil
	}
	respbody.Drain(resp.Body, maxErrorBody)
	if err != nil {
		return nil, err
	}
	return x.send(fresh, key)
}

// Format prints a fixed text for every verb, like [Prover.Format]: a Transport
// may hold a Prover of its own.
func (t *Transport) Format(f fmt.State, _ rune) { io.WriteString(f, "dpop.Transport") }

// CloseIdleConnections closes the idle connections of Base, for
// http.Client.CloseIdleConnections.
func (t *Transport) CloseIdleConnections() { closeIdle(t.prover().base(t.Base)) }

func (t *Transport) prover() *Prover {
	if t.Prover != nil {
		return t.Prover
	}
	return &t.own
}

// credentials returns the token to send and the key that it is bound to.
func (t *Transport) credentials(req *http.Request) (token string, key *keys.Key, err error) {
	if t.Tokens == nil {
		return "", nil, refuse(ErrKey, "the Transport has no Tokens; a program that gets its tokens elsewhere uses Prover.Bind")
	}
	if req.Header.Get("Authorization") != "" {
		return "", nil, refuse(ErrToken, "the request has an Authorization of its own")
	}
	token, key, err = t.Tokens.BoundToken(req.Context())
	switch {
	case err != nil:
	case token == "":
		err = refuse(ErrToken, "the source gave none")
	case key == nil:
		err = refuse(ErrKey, "the token is bound to none")
	}
	return token, key, err
}

// tokenRefused reports whether an API calls the token itself invalid (RFC 6750
// §3.1, RFC 9449 §7.1): expired, revoked, or bound to another key. Frameworks
// that check tokens by RFC 6750 say so in a Bearer challenge; it counts unless
// a DPoP challenge next to it has another reason.
func tokenRefused(resp *http.Response) bool {
	if resp.StatusCode != http.StatusUnauthorized {
		return false
	}
	codes := challengeErrors(resp.Header, "DPoP")
	if len(codes) == 0 {
		codes = challengeErrors(resp.Header, "Bearer")
	}
	return slices.Contains(codes, errorInvalidToken)
}
