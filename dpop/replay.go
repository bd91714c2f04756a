package dpop

import (
	"context"
	"crypto/sha256"
	"time"
)

// Replay remembers which proofs were used. [Memory] is one for a program of a
// single process; processes that serve the same URLs share one that all reach.
// Package replaytest checks an implementation.
type Replay interface {
	// Insert remembers e.ID until e.Until, in one atomic step: of any number of
	// calls with the same ID, also at once and from several processes, exactly
	// one returns nil. It returns, with nothing remembered,
	//
	//   - ErrReplayed when the ID is there,
	//   - ErrProofTime when e.Until has passed by the clock that the cache
	//     forgets by; so what it has forgotten cannot come back, whatever the
	//     clocks of the callers say,
	//   - ErrReplayFull when there is no room, and ErrReplayKeyFull when e.Owner
	//     has had its share: nothing that has not expired is ever forgotten to
	//     make room,
	//   - any other error when it cannot tell.
	Insert(ctx context.Context, e Entry) error
}

// Entry is one use of a proof.
type Entry struct {
	ID    [32]byte  // SHA-256 of the key's thumbprint and the "jti"
	Owner [32]byte  // the key's thumbprint (RFC 7638, SHA-256)
	Until time.Time // when no proof of this age is taken any more
}

// entryID makes one name of a key and a "jti". The first has a fixed length, so
// no two pairs are spelled alike.
func entryID(owner [32]byte, jti string) [32]byte {
	return sha256.Sum256(append(append(make([]byte, 0, 32+maxID), owner[:]...), jti...))
}
