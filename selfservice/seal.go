package selfservice

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
)

// sealContext and the name are authenticated with every sealed blob: nothing
// else that was encrypted with the same key passes for one.
const sealContext = "nokkel selfservice state 2\n"

// Seal returns a Store that keeps in s only what aead has encrypted, so that a
// copy of the disk or the table gives no keys away. Load also opens what one of
// older has encrypted, and the next Save uses aead: that is how the encryption
// key is replaced.
//
// The name binds a blob to its place. It must differ between states that are
// sealed with the same key, issuer and client id for example, and must not
// change: a blob that was sealed under another name does not open. Without a name
// Load and Save fail with [ErrConfig].
//
// What does not open (wrong key or name, changed blob, saved before there was a
// Seal) is [ErrCorrupt], with the version, as Store says. A Store that has a state
// from before is moved once, while no program uses it: see the example Existing.
// Backups, and the last versions in a filestore.Dir, still have the keys in the
// clear then: rotate.
//
// Seal does not protect against rollback: whoever can write to s can put back or
// remove an earlier blob of the same name. Nor does it hide how long a blob is or
// when it changes.
//
// The nonce is random: aead must take one of at least 12 bytes, as AES-GCM and
// ChaCha20-Poly1305 do, or make its own ([cipher.NewGCMWithRandomNonce]).
// Otherwise Save fails with [ErrConfig].
func Seal(s Store, name string, aead cipher.AEAD, older ...cipher.AEAD) Store {
	aeads := append([]cipher.AEAD{aead}, older...)
	return &sealed{store: s, name: name, aeads: func() []cipher.AEAD { return aeads }}
}

type sealed struct {
	store Store
	name  string
	aeads func() []cipher.AEAD // the first one seals; a func, for reflection finds the key in a cipher
}

// bound returns the associated data.
func (s *sealed) bound() ([]byte, error) {
	if s.name == "" {
		return nil, fmt.Errorf("%w: Seal has no name", ErrConfig)
	}
	return []byte(sealContext + s.name), nil
}

// Load implements [Store].
func (s *sealed) Load(ctx context.Context) ([]byte, string, error) {
	bound, err := s.bound()
	if err != nil {
		return nil, "", err
	}
	blob, version, err := s.store.Load(ctx)
	if err != nil || version == "" {
		return nil, version, err
	}
	for _, aead := range s.aeads() {
		size := aead.NonceSize()
		if len(blob) < size {
			continue
		}
		if opened, err := aead.Open(nil, blob[:size], blob[size:], bound); err == nil {
			return opened, version, nil
		}
	}
	return nil, version, fmt.Errorf("%w: no key given to Seal opens it under this name", ErrCorrupt)
}

// Save implements [Store].
func (s *sealed) Save(ctx context.Context, blob []byte, version string) (string, error) {
	bound, err := s.bound()
	if err != nil {
		return "", err
	}
	aead := s.aeads()[0]
	size := aead.NonceSize()
	if size > 0 && size < 12 {
		return "", fmt.Errorf("%w: a nonce of %d bytes is too short to be random", ErrConfig, size)
	}
	nonce := make([]byte, size, size+len(blob)+aead.Overhead())
	rand.Read(nonce) // never fails
	return s.store.Save(ctx, aead.Seal(nonce, nonce, blob, bound), version)
}

// Damaged is that of the store below, if it has one.
func (s *sealed) Damaged() ([]string, error) {
	if below, ok := s.store.(damaged); ok {
		return below.Damaged()
	}
	return nil, nil
}
