package selfservice

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
)

// sealContext is authenticated with every sealed blob: nothing else that was
// encrypted with the same key passes for one.
const sealContext = "nokkel selfservice state 1"

// Seal returns a Store that keeps in s only what aead has encrypted, so that
// a copy of the disk or the table gives no keys away. Load also opens what
// one of older has encrypted, and the next Save uses aead: that is how the
// encryption key is replaced.
//
// What none of them opens (a wrong key, a changed blob, one saved before
// there was a Seal) is [ErrCorrupt]; as with [Dir] the version comes with it.
// Whoever can write to s can still put an earlier sealed blob back.
//
// The nonce is random: aead must take one of at least 12 bytes, as AES-GCM and
// ChaCha20-Poly1305 do, or make its own ([cipher.NewGCMWithRandomNonce]).
// Otherwise Save fails with [ErrConfig].
func Seal(s Store, aead cipher.AEAD, older ...cipher.AEAD) Store {
	return &sealed{store: s, aeads: append([]cipher.AEAD{aead}, older...)}
}

type sealed struct {
	store Store
	aeads []cipher.AEAD // the first one seals
}

// Load implements [Store].
func (s *sealed) Load(ctx context.Context) ([]byte, string, error) {
	blob, version, err := s.store.Load(ctx)
	if err != nil || version == "" {
		return nil, version, err
	}
	for _, aead := range s.aeads {
		size := aead.NonceSize()
		if len(blob) < size {
			continue
		}
		if opened, err := aead.Open(nil, blob[:size], blob[size:], []byte(sealContext)); err == nil {
			return opened, version, nil
		}
	}
	return nil, version, fmt.Errorf("%w: no key given to Seal opens it", ErrCorrupt)
}

// Save implements [Store].
func (s *sealed) Save(ctx context.Context, blob []byte, version string) (string, error) {
	aead := s.aeads[0]
	size := aead.NonceSize()
	if size > 0 && size < 12 {
		return "", fmt.Errorf("%w: a nonce of %d bytes is too short to be random", ErrConfig, size)
	}
	nonce := make([]byte, size, size+len(blob)+aead.Overhead())
	rand.Read(nonce) // never fails
	return s.store.Save(ctx, aead.Seal(nonce, nonce, blob, []byte(sealContext)), version)
}

// Damaged is that of the store below, if it has one.
func (s *sealed) Damaged() ([]string, error) {
	if below, ok := s.store.(damaged); ok {
		return below.Damaged()
	}
	return nil, nil
}
