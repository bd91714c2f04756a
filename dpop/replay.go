package dpop

import (
	"context"
	"crypto/sha256"
	"time"
)

// Replay remembers which proofs were used. [Memory] is one for a single
// process; processes that serve the same URLs share one, such as a
// sqlreplay.Table or a redisreplay.Cache. Package replaytest checks an
// implementation.
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
	//   - any other error if it does not know.
	Insert(ctx context.Context, e Entry) error
}

// Entry is one use of a proof.
type Entry struct {
	ID    [32]byte  // SHA-256 of the key's thumbprint and the "jti"
	Owner [32]byte  // the key's thumbprint (RFC 7638, SHA-256)
	Until time.Time // when no proof of this age is accepted any longer
}

// entryID hashes a key's thumbprint and a "jti". The thumbprint has a fixed
// length, so no two pairs collide.
func entryID(owner [32]byte, jti string) [32]byte {
	return sha256.Sum256(append(append(make([]byte, 0, 32+maxID), owner[:]...), jti...))
}
