package selfservice

import (
	"context"
	"strconv"
	"sync"

	"github.com/nokkel/nokkel/keys"
)

// Store keeps one small blob, the state of one Rotator, with compare-and-swap in
// place of locks. Every implementation keeps these rules, which package storetest
// checks:
//
//   - Load returns the blob of the last successful Save, and its version. An
//     empty store returns nil, "", nil.
//   - Save replaces the blob if version is still current ("": if the store is
//     empty) and returns the new version. Otherwise it changes nothing and
//     returns an error that wraps [ErrConflict].
//   - Once Save has returned nil, the blob survives a crash of the machine.
//   - If Save returns another error, the store holds the old blob or the new one,
//     whole. The caller finds out by Load; where the connection was lost or the
//     context ended, the new one may also come a little later.
//   - If the blob cannot be read (damaged, or sealed with another key), Load
//     returns an error that wraps [ErrCorrupt] and, with this error only, the
//     version: a caller who decides to start over can Save.
//   - A version never comes back: a Save with one that has been replaced fails,
//     however late it comes.
//   - Any number of goroutines, and where the store says so processes and
//     machines, may use it at once.
//   - The blob holds private keys. It is protected as well as its place allows,
//     and never appears in an error or a log.
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
