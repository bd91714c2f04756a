package selfservice_test

import (
	"context"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hotPath returns what a program calls for every request that it signs.
func hotPath(t testing.TB) map[string]func() error {
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	ofKey, ofSecret := &selfservice.Rotator{Store: &selfservice.Mem{}}, &selfservice.Rotator{Store: &selfservice.Mem{}}
	require.NoError(t, ofKey.Adopt(t.Context(), selfservice.Credential{Key: key}))
	require.NoError(t, ofSecret.Adopt(t.Context(), secretCredential("a secret of the client")))
	ctx := context.Background()
	return map[string]func() error{
		"SigningKey":   func() error { _, err := ofKey.SigningKey(ctx); return err },
		"ClientSecret": func() error { _, err := ofSecret.ClientSecret(ctx); return err },
	}
}

// BenchmarkHotPath runs on all cores. The budget is 100 ns and no allocation.
func BenchmarkHotPath(b *testing.B) {
	for name, call := range hotPath(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := call(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	for name, call := range hotPath(t) {
		require.NoError(t, call())
		assert.Zero(t, testing.AllocsPerRun(100, func() { call() }), name)
	}
}
