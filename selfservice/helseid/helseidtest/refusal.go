package helseidtest

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Refusal is the rule that a refused request broke. It is the
// error_description or the problem's detail in the answer, and the key in
// [Counts].
type Refusal string

// The rules.
const (
	RequestForm    Refusal = "the request is not a form with each parameter once"
	RequestGrant   Refusal = "grant_type is not client_credentials"
	RequestScope   Refusal = "no scope is asked for"
	RequestTwice   Refusal = "the client authenticates in two ways"
	RequestDetails Refusal = "assertion_details is malformed"

	AssertionMalformed Refusal = "client_assertion is not a compact JWS"
	AssertionAlgorithm Refusal = "client_assertion: alg is not accepted or not the key's"
	AssertionType      Refusal = "client_assertion: typ is not client-authentication+jwt"
	AssertionKey       Refusal = "client_assertion: no key of this kid is registered for the client"
	AssertionSignature Refusal = "client_assertion: wrong signature"
	AssertionClaims    Refusal = "client_assertion: a claim is missing or of the wrong type"
	AssertionIssuer    Refusal = "client_assertion: iss or sub is not the client"
	AssertionAudience  Refusal = "client_assertion: aud is not the issuer as one string"
	AssertionTime      Refusal = "client_assertion: exp is past or over 60 s ahead, nbf or iat is ahead, or iat is over 60 s old"
	AssertionReplayed  Refusal = "client_assertion: jti was used before"

	ProofMissing   Refusal = "there is not exactly one DPoP header"
	ProofMalformed Refusal = "DPoP: not a compact JWS"
	ProofAlgorithm Refusal = "DPoP: alg is not accepted or not the key's"
	ProofType      Refusal = "DPoP: typ is not dpop+jwt"
	ProofKey       Refusal = "DPoP: jwk is missing, weak, or not a public signing key"
	ProofSignature Refusal = "DPoP: wrong signature"
	ProofClaims    Refusal = "DPoP: a claim is missing or of the wrong type"
	ProofMethod    Refusal = "DPoP: htm is another method"
	ProofURL       Refusal = "DPoP: htu is another URL"
	ProofTime      Refusal = "DPoP: iat is not now"
	ProofToken     Refusal = "DPoP: ath is not of the access token"
	ProofBinding   Refusal = "DPoP: the access token is bound to another key"
	ProofNonce     Refusal = "DPoP: the nonce is missing or too old"
	ProofReplayed  Refusal = "DPoP: jti was used before"

	TokenMissing Refusal = "there is no access token with scheme DPoP"
	TokenInvalid Refusal = "the access token is not one of this server"
	TokenExpired Refusal = "the access token has expired"
	TokenScope   Refusal = "the access token lacks the scope of this API"

	KeyMalformed Refusal = "the body is not a JWK as a JSON object or in a JSON string"
	KeyPrivate   Refusal = "the JWK holds private members"
	KeyWeak      Refusal = "the RSA key is too small or has a bad exponent"
	KeyRefused   Refusal = "the JWK is not an RSA or EC signing key with a kid"
	KeyDuplicate Refusal = "the key or its kid is registered already"
)

// Counts is what a server has done so far.
type Counts struct {
	Requests      int // all, including those that Inject made fail
	Tokens        int // issued
	Registrations int // keys registered over the self-service API
	Lists         int // lists of keys answered
	Calls         int // of the sample API that were let in
	Faults        int // requests that Inject made fail or wait
	Refused       map[Refusal]int
}

type counters struct {
	requests, tokens, registrations, lists, calls, faults atomic.Int64

	mu      sync.Mutex
	refused map[Refusal]int
}

// Counts returns what the server has done so far.
func (s *Server) Counts() Counts {
	c := &s.counters
	c.mu.Lock()
	defer c.mu.Unlock()
	return Counts{
		Requests: int(c.requests.Load()), Tokens: int(c.tokens.Load()),
		Registrations: int(c.registrations.Load()), Lists: int(c.lists.Load()),
		Calls: int(c.calls.Load()), Faults: int(c.faults.Load()),
		Refused: maps.Clone(c.refused),
	}
}

func (c *counters) refuse(r Refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = make(map[Refusal]int)
	}
	c.refused[r]++
}
