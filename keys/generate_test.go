package keys_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGenerateRefuses(t *testing.T) {
	for _, alg := range []keys.Algorithm{"", "none", "HS256", "rs256", "ed25519"} {
		_, err := keys.Generate(alg)
		refused(t, err, keys.ErrUnsupported, string(alg), nil)
	}
	for _, bits := range []int{-1, 0, 1024, 2047, 8193, 1 << 20} {
		_, err := keys.GenerateRSA(keys.PS256, bits)
		refused(t, err, keys.ErrUnsupported, strconv.Itoa(bits), nil)
	}
	_, err := keys.GenerateRSA(keys.ES256, 2048)
	refused(t, err, keys.ErrUnsupported, "RSA key for ES256", nil)
}

func TestFromJOSERefuses(t *testing.T) {
	key := testKey(t, keys.ES256)
	jwk, err := key.PrivateJOSE()
	require.NoError(t, err)
	for rule, change := range map[error]func(*jose.JSONWebKey){
		keys.ErrNotSigning:   func(j *jose.JSONWebKey) { j.Use = "enc" },
		keys.ErrNoPrivateKey: func(j *jose.JSONWebKey) { *j = j.Public() },
		keys.ErrInconsistent: func(j *jose.JSONWebKey) { j.Algorithm = "RS256" },
		keys.ErrUnsupported:  func(j *jose.JSONWebKey) { j.Algorithm = "HS256" },
	} {
		changed := jwk
		change(&changed)
		_, err := keys.FromJOSE(changed)
		refused(t, err, rule, rule.Error(), nil)
	}
	_, err = keys.FromJOSE(jose.JSONWebKey{Key: []byte("a shared secret")})
	refused(t, err, keys.ErrNoPrivateKey, "oct", nil)
}

// TestSignFromManyGoroutines uses more headers than the key remembers. With
// -race it proves that a key is safe for concurrent use.
func TestSignFromManyGoroutines(t *testing.T) {
	key := testKey(t, keys.EdDSA)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			typ := "t" + strconv.Itoa(i%10) + `"\<é`
			source, err := keys.Source(key).SigningKey(context.Background())
			assert.NoError(t, err)
			token, err := source.Sign(context.Background(), keys.Header{Type: typ, EmbedJWK: i%2 == 0}, []byte("{}"))
			assert.NoError(t, err)
			jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
			if assert.NoError(t, err) {
				assert.Equal(t, typ, jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType])
				assert.Equal(t, i%2 == 0, jws.Signatures[0].Protected.JSONWebKey != nil)
			}
		})
	}
	wg.Wait()
}

func TestSecret(t *testing.T) {
	secret := keys.NewSecret("correct horse")
	assert.Equal(t, "correct horse", secret.Reveal())
	assert.False(t, secret.IsZero())
	assert.True(t, secret.Equal(keys.NewSecret("correct horse")))
	assert.False(t, secret.Equal(keys.NewSecret("correct")))
	assert.False(t, secret.Equal(keys.Secret{}))
	assert.True(t, keys.NewSecret("").IsZero())
	assert.Empty(t, keys.Secret{}.Reveal())
	again, err := keys.SecretSource(secret).ClientSecret(t.Context())
	require.NoError(t, err)
	assert.True(t, again.Equal(secret))
	assert.False(t, strings.Contains(secret.String()+secret.GoString(), "horse"))
}
