package selfservice_test

import (
	"crypto/aes"
	"crypto/cipher"
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/must"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSealHidesTheBlob(t *testing.T) {
	var plain selfservice.Mem
	version := must.Save(t, selfservice.Seal(&plain, "app", aesGCM(t, 1)), "private key", "")
	first, _ := must.Load(t, &plain)
	assert.NotContains(t, first, "private")
	must.Save(t, selfservice.Seal(&plain, "app", aesGCM(t, 1)), "private key", version)
	second, _ := must.Load(t, &plain)
	assert.NotEqual(t, first, second, "each Save has its own nonce")
}

func TestSealReplacesItsKey(t *testing.T) {
	var plain selfservice.Mem
	must.Save(t, selfservice.Seal(&plain, "app", aesGCM(t, 1)), "state", "")
	both := selfservice.Seal(&plain, "app", aesGCM(t, 2), aesGCM(t, 3), aesGCM(t, 1))
	blob, version := must.Load(t, both)
	assert.Equal(t, "state", blob)
	must.Save(t, both, "state", version)
	blob, _ = must.Load(t, selfservice.Seal(&plain, "app", aesGCM(t, 2)))
	assert.Equal(t, "state", blob, "the new key opens what was saved since")
	_, _, err := selfservice.Seal(&plain, "app", aesGCM(t, 1)).Load(t.Context())
	require.ErrorIs(t, err, selfservice.ErrCorrupt)
}

// TestSealCorrupt changes each bit and the length of what is stored. Starting
// over remains possible.
func TestSealCorrupt(t *testing.T) {
	var plain selfservice.Mem
	aead := aesGCM(t, 1)
	store := selfservice.Seal(&plain, "app", aead)
	version := must.Save(t, store, "state", "")
	sealed, _ := must.Load(t, &plain)
	refused := func(stored string) {
		t.Helper()
		version = must.Save(t, &plain, stored, version)
		blob, now, err := store.Load(t.Context())
		require.ErrorIs(t, err, selfservice.ErrCorrupt)
		assert.Nil(t, blob)
		assert.Equal(t, version, now)
	}
	for bit := range len(sealed) * 8 {
		flipped := []byte(sealed)
		flipped[bit/8] ^= 1 << (bit % 8)
		refused(string(flipped))
	}
	for length := range sealed {
		refused(sealed[:length])
	}
	refused("saved before there was a Seal")
	nonce := make([]byte, aead.NonceSize())
	refused(string(aead.Seal(nonce, nonce, []byte("encrypted for another purpose"), nil)))

	must.Save(t, store, "started over", version)
	blob, _ := must.Load(t, store)
	assert.Equal(t, "started over", blob)
}

// TestSealBindsItsName: a blob sealed for one client does not open for another
// whose blob is sealed with the same key.
func TestSealBindsItsName(t *testing.T) {
	aead := aesGCM(t, 1)
	var a, b selfservice.Mem
	must.Save(t, selfservice.Seal(&a, "https://as.example.no client-a", aead), "state of a", "")
	version := must.Save(t, selfservice.Seal(&b, "https://as.example.no client-b", aead), "state of b", "")
	blob, _ := must.Load(t, &b)
	for _, name := range []string{"https://as.example.no client-a", "client-b", "https://as.example.no client-", "https://as.example.no client-b "} {
		opened, now, err := selfservice.Seal(&b, name, aead, aead).Load(t.Context())
		require.ErrorIs(t, err, selfservice.ErrCorrupt, name)
		assert.Nil(t, opened)
		assert.Equal(t, version, now)
	}
	_, current := must.Load(t, &a)
	must.Save(t, &a, blob, current)
	_, _, err := selfservice.Seal(&a, "https://as.example.no client-a", aead).Load(t.Context())
	require.ErrorIs(t, err, selfservice.ErrCorrupt)

	nameless := selfservice.Seal(&b, "", aead)
	_, _, err = nameless.Load(t.Context())
	require.ErrorIs(t, err, selfservice.ErrConfig)
	_, err = nameless.Save(t.Context(), []byte("x"), version)
	require.ErrorIs(t, err, selfservice.ErrConfig)
}

func TestSealNonce(t *testing.T) {
	block, err := aes.NewCipher(make([]byte, 32))
	require.NoError(t, err)
	short, err := cipher.NewGCMWithNonceSize(block, 8)
	require.NoError(t, err)
	_, err = selfservice.Seal(&selfservice.Mem{}, "app", short).Save(t.Context(), []byte("x"), "")
	require.ErrorIs(t, err, selfservice.ErrConfig, "random nonces of 8 bytes repeat too soon")

	own, err := cipher.NewGCMWithRandomNonce(block)
	require.NoError(t, err)
	store := selfservice.Seal(&selfservice.Mem{}, "app", own)
	must.Save(t, store, "state", "")
	blob, _ := must.Load(t, store)
	assert.Equal(t, "state", blob)
}
