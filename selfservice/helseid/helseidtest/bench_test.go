package helseidtest_test

import (
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/require"
)

// BenchmarkRotation makes the requests of a rotation: a token, a list, a
// registration, and a token with the new key. It includes both sides and the
// generation of the key.
func BenchmarkRotation(b *testing.B) {
	server := helseidtest.New()
	defer server.Close()
	server.Unsigned = true
	fleet := &helseid.Client{Environment: server.Environment(), Base: server.Transport()}
	key, err := keys.Generate(keys.ES256)
	require.NoError(b, err)
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := strconv.FormatInt(n.Add(1), 10)
			server.AddClient(id, key.PublicKey())
			if err := rotate(b, fleet.For(id), key); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "clients/s")
}

func rotate(b *testing.B, client *helseid.Client, key *keys.Key) error {
	next, err := keys.Generate(keys.ES256)
	if err != nil {
		return err
	}
	if _, err := client.ClientSecrets(b.Context(), key); err != nil {
		return err
	}
	if _, err := client.UpdateClientSecret(b.Context(), key, next.PublicKey()); err != nil {
		return err
	}
	return client.VerifyKey(b.Context(), next)
}
