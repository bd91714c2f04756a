package selfservice

import (
	"context"
	"strconv"
	"sync"

	"github.com/nokkel/nokkel/keys"
)

// Store keeps one small blob, the state of one rotator, with compare and swap
// instead of locks. It is the law for every implementation, and package
// storetest checks it:
//
//   - Load returns the blob of the last Save that succeeded, and its version. A
//     store that holds nothing returns nil, "", nil.
//   - Save replaces the blob if version is still the current one ("" : only if
//     the store holds nothing) and returns the new version. Otherwise it
//     changes nothing and returns an error that errors.Is [ErrConflict].
//   - When Save returns nil the blob survives a crash of the machine.
//   - When Save returns another error, the blob is either the old or the new
//     one, whole. The caller finds out by Load.
//   - When the blob cannot be made out (damaged, or sealed with another key),
//     Load returns an error that errors.Is [ErrCorrupt] and, as the only error,
//     the version with it: whoever decides to start over can Save.
//   - A version never comes back: a Save with one that has been replaced fails
//     however much later it comes.
//   - Any number of goroutines, and where the store says so processes and
//     machines, may call it at once.
//   - The blob holds private keys: it is as well protected as its place
//     allows, and never in an error or a log.
type Store interface {
	Load(ctx context.Context) (blob []byte, version string, err error)
	Save(ctx context.Context, blob []byte, version string) (newVersion string, err error)
}

// Mem is a Store in memory, for tests. The zero value holds nothing.
type Mem struct {
	mu      sync.Mutex
	blob    keys.Secret // holds private keys, and a Mem may be printed
	version int
}

// Load implements [Store].
func (m *Mem) Load(ctx context.Context) ([]byte, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil || m.version == 0 {
		return nil, "", err
	}
	return []byte(m.blob.Reveal()), strconv.Itoa(m.version), nil
}

// Save implements [Store].
func (m *Mem) Save(ctx context.Context, blob []byte, version string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return "", err
	}
	current := ""
	if m.version > 0 {
		current = strconv.Itoa(m.version)
	}
	if version != current {
		return "", ErrConflict
	}
	m.version++
	m.blob = keys.NewSecret(string(blob))
	return strconv.Itoa(m.version), nil
}
