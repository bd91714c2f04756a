package dpop

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// Verifier decides whether a request proves possession of a key (RFC 9449
// §4.3). It takes plain values, so that any protocol that carries HTTP
// requests can use it. Its fields must not change after the first use. Its
// methods may be called concurrently.
type Verifier struct {
	// Replay remembers the proofs that were used. Without one every proof is
	// refused: see [Verifier.Validate].
	Replay Replay

	// Nonces makes every proof carry a nonce of this server; nil: none is
	// required, and any in a proof is ignored.
	Nonces *Nonces

	// Window is how old a proof may be by its "iat"; zero: 60 s. Skew is added
	// at both ends for clocks that differ; zero: 10 s, which FAPI 2.0 requires.
	// Servers that share a Replay use the same values.
	Window, Skew time.Duration

	// Algorithms are the accepted "alg" values; nil: all of package keys.
	Algorithms []keys.Algorithm
}

// Request is a request as received, its proofs unverified.
type Request struct {
	Method string   // as received, with its case
	URL    string   // as clients see it from outside, absolute; the query does not count
	Proofs []string // all values of the DPoP header field

	Token  keys.Secret // the access token; empty: none, as at a token endpoint
	JKT    string      // the thumbprint to which the token or the grant is bound ("cnf"."jkt")
	AnyKey bool        // with a Token and no JKT: the caller compares Checked.JKT itself before it consumes
}

// Checked is a proof that is valid unless it was used before.
type Checked struct {
	Key      *keys.PublicKey
	JKT      string    // the key's thumbprint (RFC 7638, SHA-256, base64url)
	ID       string    // "jti"
	Nonce    string    // "nonce"; may be empty
	IssuedAt time.Time // "iat"

	entry Entry
}

// The defaults, and the bound of a window: what a cache must remember.
const (
	defaultWindow = time.Minute
	defaultSkew   = 10 * time.Second
	maxWindow     = time.Hour
)

func (v *Verifier) window() time.Duration { return cmp.Or(v.Window, defaultWindow) }
func (v *Verifier) skew() time.Duration   { return cmp.Or(v.Skew, defaultSkew) }

// algorithms are the accepted "alg" values, in order of preference.
func (v *Verifier) algorithms() []keys.Algorithm {
	if v.Algorithms != nil {
		return v.Algorithms
	}
	return []keys.Algorithm{keys.ES256, keys.EdDSA, keys.Ed25519, keys.ES384, keys.ES512,
		keys.PS256, keys.PS384, keys.PS512, keys.RS256, keys.RS384, keys.RS512}
}

// Validate returns an *[Error] with [ErrConfig] for a Verifier that would
// refuse every proof: one without Replay or with one that is not set up, with a
// Window or Skew that is negative or over an hour, with an unknown algorithm, or
// with a secret of Nonces that is too short. Nor may Nonces be without Secrets
// where the Replay is shared: each process would refuse the nonces of the
// others. Call it before the server listens.
func (v *Verifier) Validate() error {
	switch {
	case v == nil || v.Replay == nil:
		return refuse(ErrConfig, "no Replay: a proof could be used any number of times")
	case v.Window < 0 || v.Skew < 0 || v.Window > maxWindow || v.Skew > maxWindow:
		return refuse(ErrConfig, "Window or Skew is negative or over an hour")
	case v.Algorithms != nil && (len(v.Algorithms) == 0 || slices.ContainsFunc(v.Algorithms, unknown)):
		return refuse(ErrConfig, "Algorithms is empty or names one that package keys does not have")
	}
	if r, ok := v.Replay.(interface{ Validate() error }); ok {
		if err := r.Validate(); err != nil {
			return replayError(ErrConfig, err)
		}
	}
	if v.Nonces == nil {
		return nil
	}
	if r, ok := v.Replay.(interface{ Shared() bool }); ok && r.Shared() && v.Nonces.local() {
		return refuse(ErrConfig, "Replay is shared, and Nonces.Secrets is empty: each process would refuse the nonces of the others")
	}
	return v.Nonces.validate()
}

func unknown(alg keys.Algorithm) bool {
	return !slices.Contains((&Verifier{}).algorithms(), alg)
}

// Check makes every check of RFC 9449 §4.3 except that for a replay, and
// changes nothing. It fails with a *[ProofError], or an *[Error] with
// [ErrConfig]. A caller that accepts the request calls [Verifier.Consume]
// after its own checks: a proof that was only checked can be used again.
func (v *Verifier) Check(ctx context.Context, r Request) (*Checked, error) {
	if err := v.Validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	compact, err := oneProof(r.Proofs)
	if err != nil {
		return nil, err
	}
	p, err := v.parse(compact)
	if err != nil {
		return nil, err
	}
	// The signature comes last, for it costs more than all the rest. Where the
	// token is bound to a key, nobody else can choose one that costs more.
	checked, err := v.match(p, r)
	if err != nil {
		return nil, err
	}
	if !p.verify() {
		return nil, refuseProof(ErrProofSignature, "")
	}
	return checked, nil
}

// Consume spends a proof that [Verifier.Check] has returned. Exactly one call
// for a proof returns nil; the others fail with a *[ProofError] with
// [ErrReplayed]. A cache that is full or cannot be reached is an *[Error] with
// [ErrReplayFull], [ErrReplayKeyFull] or [ErrReplayStore], and one that is not set
// up with [ErrConfig]: the request must not be served.
func (v *Verifier) Consume(ctx context.Context, c *Checked) error {
	if err := v.Validate(); err != nil {
		return err
	}
	if c == nil || c.entry.Until.IsZero() {
		return refuse(ErrConfig, "Consume takes what Check returns")
	}
	err := ErrProofTime
	if time.Now().Before(c.entry.Until) {
		err = v.Replay.Insert(ctx, c.entry)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrReplayed):
		return refuseProof(ErrReplayed, "")
	case errors.Is(err, ErrProofTime):
		return refuseProof(ErrProofTime, "it expired before it was consumed")
	case errors.Is(err, ErrReplayKeyFull):
		return refuse(ErrReplayKeyFull, "")
	case errors.Is(err, ErrReplayFull):
		return refuse(ErrReplayFull, "")
	default:
		return replayError(ErrReplayStore, err)
	}
}

// Verify is [Verifier.Check] followed by [Verifier.Consume].
func (v *Verifier) Verify(ctx context.Context, r Request) (*Checked, error) {
	c, err := v.Check(ctx, r)
	if err == nil {
		err = v.Consume(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}
