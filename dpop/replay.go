package dpop

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// Replay remembers which proofs were used. [Memory] is one for a single
// process; processes that serve the same URLs share one, such as a
// sqlreplay.Table or a redisreplay.Cache. Package replaytest checks an
// implementation.
//
// Two more methods are optional, and heeded by [Verifier.Validate]. Validate()
// error fails for a cache that would refuse every proof: one that is not set up.
// Shared() bool reports whether other processes use the cache too, so that
// [Nonces] need Secrets.
type Replay interface {
	// Insert remembers e.ID until e.Until, in one atomic step: of any number of
	// calls with the same ID, concurrent and from several processes, exactly one
	// returns nil. It returns, with nothing remembered,
	//
	//   - ErrReplayed if the ID is there,
	//   - ErrProofTime if e.Until has passed by the clock by which the cache
	//     forgets, so that what it has forgotten cannot be used again, whatever
	//     the clocks of the callers say,
	//   - ErrReplayFull if there is no room, and ErrReplayKeyFull if e.Owner has
	//     used its share: an entry that has not expired is never evicted,
	//   - an *Error with ErrConfig, whose text is shown, if it is not set up,
	//   - any other error if it does not know.
	Insert(ctx context.Context, e Entry) error
}

// Entry is one use of a proof.
type Entry struct {
	ID    [32]byte  // SHA-256 of the key's thumbprint and the "jti"
	Owner [32]byte  // the key's thumbprint (RFC 7638, SHA-256)
	Until time.Time // when no proof of this age is accepted any longer
}

// replayError returns the error of a cache that knows nothing of a proof. What
// package dpop's own type says is shown; a driver may put anything into its.
func replayError(rule, err error) error {
	var own *Error
	if errors.As(err, &own) && own.Rule == ErrConfig {
		return own
	}
	return &Error{Rule: rule, cause: func() error { return err }}
}

// entryID hashes a key's thumbprint and a "jti". The thumbprint has a fixed
// length, so no two pairs collide.
func entryID(owner [32]byte, jti string) [32]byte {
	return sha256.Sum256(append(append(make([]byte, 0, 32+maxID), owner[:]...), jti...))
}
