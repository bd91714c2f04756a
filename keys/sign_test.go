package keys_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// go-jose verifies a token of every algorithm.
func TestSignVerifiesWithGoJOSE(t *testing.T) {
	payload := []byte(`{"iss":"a","n":1}`)
	for _, alg := range algorithms() {
		t.Run(string(alg), func(t *testing.T) {
			k := testKey(t, alg)
			for _, h := range []keys.Header{{}, {Type: "dpop+jwt", EmbedJWK: true}, {Type: "client-authentication+jwt"}} {
				token, err := k.Sign(t.Context(), h, payload)
				require.NoError(t, err)
				jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
				require.NoError(t, err)
				got, err := jws.Verify(k.PublicKey().Public())
				require.NoError(t, err)
				assert.Equal(t, payload, got)
				header := jws.Signatures[0].Protected
				if h.EmbedJWK {
					assert.Empty(t, header.KeyID)
					assert.Equal(t, k.PublicKey().Public(), header.JSONWebKey.Key)
				} else {
					assert.Equal(t, k.KeyID(), header.KeyID)
				}
				if h.Type != "" {
					assert.Equal(t, h.Type, header.ExtraHeaders[jose.HeaderType])
				}
			}
			private, err := k.PrivateJWK()
			require.NoError(t, err)
			again, err := keys.Parse(private, keys.Options{})
			require.NoError(t, err)
			assert.Equal(t, k.Thumbprint(), again.Thumbprint())
			assert.Equal(t, alg, again.Algorithm())
		})
	}
}

func TestKeyIDIsEscaped(t *testing.T) {
	const (
		kid     = `a","alg":"none","x":"\ø<&>`
		hostile = kid + "\u2028" // not allowed in a kid
	)
	k, err := testKey(t, keys.ES256).With(keys.Options{KeyID: kid})
	require.NoError(t, err)
	token, err := k.Sign(t.Context(), keys.Header{Type: hostile}, []byte(`{}`))
	require.NoError(t, err)
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)
	header := jws.Signatures[0].Protected
	assert.Equal(t, kid, header.KeyID)
	assert.Equal(t, map[jose.HeaderKey]any{jose.HeaderType: hostile}, header.ExtraHeaders)

	var jwk jose.JSONWebKey
	require.NoError(t, jwk.UnmarshalJSON(k.PublicKey().JWK()))
	assert.Equal(t, kid, jwk.KeyID)
	assert.Equal(t, "ES256", jwk.Algorithm)
}

// rsaKey is shared: RSA keys are slow to generate.
var rsaKey = sync.OnceValues(func() (*keys.Key, error) { return keys.GenerateRSA(keys.RS256, 2048) })

// testKey returns a key for alg. All RSA keys have the same material.
func testKey(t testing.TB, alg keys.Algorithm) *keys.Key {
	t.Helper()
	if strings.HasPrefix(string(alg), "ES") || alg == keys.EdDSA {
		return keystest.Key(t, alg)
	}
	key, err := rsaKey()
	require.NoError(t, err)
	key, err = key.With(keys.Options{Algorithm: alg})
	require.NoError(t, err)
	return key
}
