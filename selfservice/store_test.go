package selfservice_test

import (
	"crypto/aes"
	"crypto/cipher"
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/storetest"
	"github.com/stretchr/testify/require"
)

func TestMem(t *testing.T) {
	storetest.Run(t, func(*testing.T) selfservice.Store { return &selfservice.Mem{} })
}

func TestSeal(t *testing.T) {
	storetest.Run(t, func(t *testing.T) selfservice.Store {
		return selfservice.Seal(&selfservice.Mem{}, "app", aesGCM(t, 1))
	})
}

// aesGCM returns AES-256-GCM with a key of 32 equal bytes.
func aesGCM(t testing.TB, fill byte) cipher.AEAD {
	t.Helper()
	key := make([]byte, 32)
	for i := range key {
		key[i] = fill
	}
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(t, err)
	return aead
}
