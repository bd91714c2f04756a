package access

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/internal/jws"
	"github.com/nokkel/nokkel/keys"
)

const (
	maxToken      = 16 << 10 // bytes; net/http takes 1 MiB of headers
	defaultLeeway = 10 * time.Second
	maxLeeway     = 5 * time.Minute
	maxVerified   = 16 << 20 // bytes of verified tokens that are kept
)

// Verifier validates the JWT access tokens of one issuer (RFC 9068 §4). It is
// safe for concurrent use; its fields must not change after the first call.
//
// A token must be signed with an asymmetric algorithm by a key that the
// issuer publishes, have "iss", "sub", "aud", "exp", "iat" and one of
// "client_id", "azp" and "cid", and be bound, if at all, by "jkt" or
// "x5t#S256". All of that is checked before a key is looked up, and keys,
// URLs and certificates in a token are ignored. A token without "kid" is
// accepted if only one key can have made it. An RSA JWK without "alg"
// verifies RS256.
//
// The keys are fetched from the jwks_uri of the issuer's metadata when the
// first token arrives, and again when a token names an unknown one, once in
// 10 s at most. They are refreshed after MaxAge, a little early and while the
// old ones serve, so that a removed key is gone by then; after a quiet time the
// first token waits for that. If they cannot be fetched, or none is left, the
// old ones serve until they are MaxStale old.
// The next attempt waits 250 ms, then twice as long each time, up to 30 s.
// Bodies may have 64 KiB; requests use https only (http on loopback), end
// within Timeout and follow no redirect.
//
// A valid token is cached by its hash until it expires or its key is gone, in
// 16 MiB at most.
type Verifier struct {
	Issuer    string   // "iss", spelled exactly: the keys are found by it
	Audiences []string // "aud" has one of them: what the issuer calls this API

	// PlainType accepts tokens with "typ" JWT, as Keycloak makes, or without, as
	// Okta does. ID tokens may look alike: those with a claim that only they have
	// are refused, and for the rest "aud" decides, so never list a client id in
	// Audiences then. Better is at+jwt, which Keycloak makes for clients with the
	// attribute access.token.header.type.rfc9068=true.
	PlainType bool

	Leeway   time.Duration     // for clock differences; zero: 10 s; at most 5 min
	JWKSURI  string            // where the keys are; empty: from the metadata
	Base     http.RoundTripper // nil: a copy of http.DefaultTransport
	MaxAge   time.Duration     // of keys; zero: 5 min
	MaxStale time.Duration     // of keys that cannot be refreshed; zero: 1 h
	Timeout  time.Duration     // for fetching metadata and keys; zero: 10 s
	OnError  func(error)       // called on another goroutine when keys cannot be fetched; may be nil

	valid    atomic.Bool // Validate has said so
	known    issuerKeys
	verified cache[verified]
}

// verified is a token whose signature was good by a key.
type verified struct {
	token      *dpop.Token
	thumbprint string
}

// Validate returns an *[Error] with [ErrConfig] for a Verifier that would
// refuse every token: one without Issuer or Audiences, with an empty audience,
// or with a JWKSURI, or without one an Issuer, that is not an https URL (http on
// loopback).
func (v *Verifier) Validate() error {
	if v.valid.Load() {
		return nil
	}
	err := v.validate()
	v.valid.Store(err == nil)
	return err
}

func (v *Verifier) validate() error {
	switch {
	case v.Issuer == "" || len(v.Audiences) == 0 || slices.Contains(v.Audiences, ""):
		return refuse(ErrConfig, "a Verifier needs Issuer and Audiences")
	case v.JWKSURI != "" && !isEndpoint(v.JWKSURI):
		return refuse(ErrConfig, "JWKSURI is not an https URL")
	case v.JWKSURI == "" && (!isEndpoint(v.Issuer) || strings.Contains(v.Issuer, "?")):
		return refuse(ErrConfig, "Issuer is not an https URL without a query, and the keys are found by it")
	}
	return nil
}

// Token returns the claims of a valid token, or an *[Error].
func (v *Verifier) Token(ctx context.Context, token string) (*dpop.Token, error) {
	if err := v.Validate(); err != nil {
		return nil, err
	}
	now := time.Now()
	if len(token) > maxToken {
		return nil, refuse(ErrMalformed, "over 16 KiB")
	}
	of := digestOf(token)
	if known, ok := v.verified.get(of, now); ok && v.published(known.thumbprint, now) {
		return known.token, nil
	}
	t, ok := jws.Parse(token)
	if !ok {
		return nil, refuse(ErrMalformed, "not a compact JWS")
	}
	h, err := v.header(t.Header)
	if err != nil {
		return nil, err
	}
	result, err := v.claims(t.Payload, h.plain, now)
	if err != nil {
		return nil, err
	}
	key, err := v.find(ctx, h)
	if err != nil {
		return nil, err
	}
	if !jws.Verify(key.Public(), h.algorithm, t.Signed, t.Signature) {
		return nil, refuse(ErrSignature, "")
	}
	v.verified.put(of, verified{result, key.Thumbprint()}, len(result.Claims), result.Expires.Add(v.leeway()), maxVerified)
	return result, nil
}

// header is what the protected header says of the key and of the type.
type header struct {
	algorithm keys.Algorithm
	keyID     string
	plain     bool // the type is that of any JWT
}

func (v *Verifier) header(text []byte) (h header, err error) {
	c := readClaims(text)
	if c == nil {
		return h, refuse(ErrMalformed, "the header is not one JSON object with each member once")
	}
	h.algorithm, h.keyID = keys.Algorithm(c.text("alg")), c.text("kid")
	typ := strings.ToLower(c.text("typ")) // a media type (RFC 7515 §4.1.9)
	h.plain = typ == "" || typ == "jwt"
	for _, name := range []string{"crit", "b64", "zip", "enc"} { // nothing of these is understood here
		if c.has(name) {
			c.fail(ErrMalformed, "")
		}
	}
	switch {
	case c.err != nil:
		return h, refuse(ErrMalformed, "a member of the header is of the wrong type, or changes what the token means")
	case strings.TrimPrefix(typ, "application/") == "at+jwt":
	case !h.plain:
		return h, refuse(ErrType, "typ is not at+jwt")
	case !v.PlainType:
		return h, refuse(ErrType, "typ is JWT or missing: set PlainType, or have the issuer make at+jwt")
	}
	switch h.algorithm {
	case keys.RS256, keys.RS384, keys.RS512, keys.PS256, keys.PS384, keys.PS512, keys.ES256, keys.ES384, keys.ES512, keys.EdDSA, keys.Ed25519:
		return h, nil
	}
	return h, refuse(ErrAlgorithm, "")
}

// claims checks the payload of a token whose signature is not verified
// yet.
func (v *Verifier) claims(payload []byte, plain bool, now time.Time) (*dpop.Token, error) {
	c := readClaims(payload)
	if c == nil {
		return nil, refuse(ErrMalformed, "the payload is not one JSON object with each member once")
	}
	if c.need("iss", c.text("iss")) != v.Issuer {
		c.fail(ErrIssuer, "")
	}
	t := c.token(payload, now, v.leeway())
	if len(t.Audience) == 0 {
		c.fail(ErrClaim, "aud is missing")
	}
	if !slices.ContainsFunc(t.Audience, func(a string) bool { return slices.Contains(v.Audiences, a) }) {
		c.fail(ErrAudience, "")
	}
	for _, name := range []string{"exp", "iat"} {
		if !c.has(name) {
			c.fail(ErrClaim, name+" is missing")
		}
	}
	c.need("sub", t.Subject)
	c.need("client_id", t.ClientID)
	if plain {
		c.accessToken()
	}
	return t, c.err
}

// Format prints a fixed text for every verb: fmt would read fields that
// change under a lock.
func (v *Verifier) Format(f fmt.State, _ rune) { io.WriteString(f, "access.Verifier") }

func (v *Verifier) leeway() time.Duration { return leeway(v.Leeway) }

func leeway(d time.Duration) time.Duration {
	if d <= 0 {
		return defaultLeeway
	}
	return min(d, maxLeeway)
}
