package dpop

import (
	"errors"
	"time"
)

// The rules that a proof can break at a [Verifier]. Every refusal of a proof is
// a *[ProofError] that wraps one of them.
var (
	ErrProofMissing   = errors.New("no proof")                                       // RFC 9449 §4.3 check 1
	ErrProofMany      = errors.New("more than one proof")                            // two header fields, or two in one
	ErrProofTooLarge  = errors.New("proof too large")                                // over 8 KiB
	ErrProofMalformed = errors.New("not a compact JWS of strict JSON")               // RFC 7515 §7.1, each member once
	ErrProofType      = errors.New("typ is not dpop+jwt")                            // RFC 9449 §4.2
	ErrProofAlgorithm = errors.New("alg is not accepted")                            // "none", HMAC, or not of the key
	ErrProofCritical  = errors.New("crit names an unknown extension")                // RFC 7515 §4.1.11, also "b64"
	ErrProofKey       = errors.New("jwk is not a public signing key")                // wraps the error of package keys
	ErrProofSignature = errors.New("signature does not verify")                      //
	ErrProofClaims    = errors.New("a claim is missing or of the wrong type")        // jti, htm, htu, iat; ath, nonce where asked for
	ErrProofMethod    = errors.New("htm is not the request's method")                // compared with its case
	ErrProofURL       = errors.New("htu is not the request's URL")                   // compared normalised, RFC 9449 §4.3
	ErrProofTime      = errors.New("iat is outside the accepted window")             // see ProofError.Skew
	ErrProofToken     = errors.New("ath does not match the access token")            //
	ErrProofBinding   = errors.New("not by the key that the token is bound to")      //
	ErrProofNonce     = errors.New("nonce is missing, expired or not this server's") // the answer carries a new one
	ErrReplayed       = errors.New("proof was used before")                          // RFC 9449 §11.1
)

// ProofError says which rule a proof broke. Its text never holds any part of
// the proof, the token or the request.
type ProofError struct {
	Rule   error         // one of the values above
	Detail string        // in this package's own words; may be empty
	Skew   time.Duration // under ErrProofTime: the client's clock less ours, as "iat" shows it; else 0

	cause error // what package keys said of the "jwk"
}

// Error returns "dpop: proof refused: rule: detail".
func (e *ProofError) Error() string {
	text := "dpop: proof refused: " + e.Rule.Error()
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Unwrap returns the rule and, under [ErrProofKey], the error of package keys.
func (e *ProofError) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Rule}
	}
	return []error{e.Rule, e.cause}
}

// Code returns the "error" of the answer (RFC 9449 §7.1, §8, §9):
// use_dpop_nonce for [ErrProofNonce], else invalid_dpop_proof.
func (e *ProofError) Code() string {
	if e.Rule == ErrProofNonce {
		return errorUseNonce
	}
	return errorInvalidProof
}

func refuseProof(rule error, detail string) error { return &ProofError{Rule: rule, Detail: detail} }
