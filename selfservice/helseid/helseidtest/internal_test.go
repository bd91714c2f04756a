package helseidtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSpentExpiresAfterTwoWindows(t *testing.T) {
	s := newSpent(time.Minute)
	start := time.Unix(1_800_000_000, 0) // a whole minute
	require.True(t, s.add("a", "jti", start.Add(59*time.Second)))
	assert.False(t, s.add("a", "jti", start.Add(60*time.Second)))
	assert.False(t, s.add("a", "jti", start.Add(119*time.Second)))
	assert.True(t, s.add("b", "jti", start), "the jti of another client")
	for i := range 10_000 {
		require.True(t, s.add("a", strconv.Itoa(i), start.Add(time.Minute)))
	}
	for i := range 1000 { // touch every shard in two later windows
		s.add("c", strconv.Itoa(i), start.Add(2*time.Minute))
		s.add("c", strconv.Itoa(i), start.Add(3*time.Minute))
	}
	kept := 0
	for i := range s.shards {
		kept += len(s.shards[i].now) + len(s.shards[i].before)
	}
	assert.LessOrEqual(t, kept, 1000)
	assert.True(t, s.add("a", "jti", start.Add(3*time.Minute)))
}

func TestSpentConcurrently(t *testing.T) {
	s := newSpent(time.Minute)
	var passed atomic.Int64
	var wg sync.WaitGroup
	now := time.Now()
	for range 100 {
		wg.Go(func() {
			if s.add("a", "jti", now) {
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, passed.Load())
}

// FuzzParseJWK: go-jose must accept the same key, with the same thumbprint.
func FuzzParseJWK(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(f, err)
	for _, k := range []any{key.Public(), key} {
		seed, err := json.Marshal(jose.JSONWebKey{Key: k, KeyID: "k", Algorithm: "ES256", Use: "sig"})
		require.NoError(f, err)
		f.Add(seed)
	}
	f.Add([]byte(`{"kty":"RSA","n":"AQAB","e":"AQAB","key_ops":["verify"]}`))
	f.Add([]byte(`{"kty":"oct","k":"AA"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, refusal := parseJWK(text)
		if refusal != "" {
			assert.Nil(t, got)
			return
		}
		var witness jose.JSONWebKey
		require.NoError(t, witness.UnmarshalJSON(text))
		assert.True(t, witness.IsPublic())
		sum, err := witness.Thumbprint(crypto.SHA256)
		require.NoError(t, err)
		assert.Equal(t, base64.RawURLEncoding.EncodeToString(sum), got.thumbprint)
	})
}

func FuzzParseJWS(f *testing.F) {
	f.Add("eyJhbGciOiJFUzI1NiJ9.e30.AAAA")
	f.Add("..")
	f.Add("eyJhbGciOiJFUzI1NiIsImNyaXQiOltdfQ.e30.AA")
	f.Fuzz(func(t *testing.T, compact string) {
		got, ok := parseJWS(compact)
		if !ok {
			assert.Nil(t, got)
			return
		}
		assert.Equal(t, compact, got.signed+"."+base64.RawURLEncoding.EncodeToString(got.signature), "a token has two spellings")
	})
}

func FuzzParseDetails(f *testing.F) {
	f.Add([]byte(`{"type":"nhn:sfm:journal-id","value":{"journal_id":"1"}}`))
	f.Add([]byte(`[{"type":"helseid_authorization","practitioner_role":{"organization":{"identifier":{"system":"urn:oid:1.0.6523","type":"ENH","value":"NO:ORGNR:123456789:"}}}},{"type":"nhn:sfm:journal-id","value":{"journal_id":"1"}}]`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return // cannot come from a RawMessage
		}
		got, ok := parseDetails(raw)
		if ok {
			assert.NotEmpty(t, got.Parent+got.Child+got.Journal)
			assert.True(t, got.Parent == "" || organisation(got.Parent))
		} else {
			assert.Zero(t, got)
		}
	})
}
