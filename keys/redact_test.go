package keys_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNoTypeShowsASecret has a value of every exported type of the package, with
// a key or secret in it where the type can hold one. A type that is missing here
// fails the test.
func TestNoTypeShowsASecret(t *testing.T) {
	const shared = "a shared secret of some length"
	for _, alg := range []keys.Algorithm{keys.RS256, keys.ES256, keys.ES512, keys.EdDSA} {
		key := testKey(t, alg)
		secrets := append(keystest.Secrets(t, key), []byte(shared))
		secret := keys.NewSecret(shared)
		public := key.PublicKey()
		signer := keys.ContextSigner(failingSigner{Signer: key.Signer(), text: shared})
		foreign, err := keys.New(signer.(failingSigner), keys.Options{})
		require.NoError(t, err)
		_, failure := foreign.Sign(t.Context(), keys.Header{}, nil)

		values := map[string][]any{
			"Algorithm": {key.Algorithm()},
			"Error":     {failure, fmt.Errorf("more: %w", failure), parseFailure(t, key)},
			"Handler":   {&keys.Handler{Keys: func(context.Context) (keys.Set, error) { return keys.Set{Keys: []*keys.PublicKey{public}}, nil }}},
			"Header":    {keys.Header{Type: "dpop+jwt", EmbedJWK: true}},
			"Key":       {key, *key, []*keys.Key{key}, []keys.Key{*key}, map[string]keys.Key{"k": *key}, &keys.Key{}},
			"Options":   {keys.Options{Algorithm: alg, KeyID: "id", Certificates: []*x509.Certificate{}}},
			"PublicKey": {public, *public},
			"Secret":    {secret, &secret},
			"Set":       {keys.Set{Keys: []*keys.PublicKey{public}}},
		}
		keystest.PackageRedacted(t, values, secrets...)
	}
}

// parseFailure returns the error for a private JWK that is refused late.
func parseFailure(t *testing.T, key *keys.Key) error {
	private, err := key.PrivateJWK()
	require.NoError(t, err)
	_, err = keys.Parse(bytes.Replace(private, []byte(`"sig"`), []byte(`"enc"`), 1), keys.Options{})
	require.ErrorIs(t, err, keys.ErrNotSigning)
	return err
}

// failures records the output of failed assertions.
type failures struct{ strings.Builder }

func (f *failures) Errorf(format string, args ...any) { fmt.Fprintf(f, format, args...) }

// testify prints the difference of two keys by reflection: it calls no methods and
// follows every pointer.
func TestFailedAssertionShowsNoSecret(t *testing.T) {
	key, other := testKey(t, keys.EdDSA), testKey(t, keys.EdDSA)
	seed := keystest.Secrets(t, key)[0]
	start := fmt.Sprintf("%02x %02x %02x %02x", seed[0], seed[1], seed[2], seed[3])
	var bare, hidden failures
	assert.Equal(&bare, &struct{ s crypto.Signer }{key.Signer()}, &struct{ s crypto.Signer }{other.Signer()})
	assert.Contains(t, bare.String(), start, "testify does not print private fields")
	assert.Equal(&hidden, key, other)
	assert.Equal(&hidden, *key, *other)
	assert.NotEmpty(t, hidden.String())
	assert.NotContains(t, hidden.String(), start)

	const shared = "a shared secret of some length"
	assert.Equal(&bare, &struct{ s string }{shared}, &struct{ s string }{"other"})
	assert.Contains(t, bare.String(), shared)
	assert.Equal(&hidden, keys.NewSecret(shared), keys.NewSecret("other"))
	assert.Equal(&hidden, &struct{ s keys.Secret }{keys.NewSecret(shared)}, &struct{ s keys.Secret }{})
	assert.NotContains(t, hidden.String(), shared)
}

func TestKeyPrintsAlgorithmAndID(t *testing.T) {
	key, err := testKey(t, keys.ES256).With(keys.Options{KeyID: "me"})
	require.NoError(t, err)
	for _, v := range []any{key, *key} {
		assert.Equal(t, "keys.Key(ES256 me)", fmt.Sprintf("%v", v))
		assert.Equal(t, "keys.Key(ES256 me)", fmt.Sprintf("%#v", v))
		assert.Equal(t, "keys.Key(ES256 me)", fmt.Sprintf("%x", v))
		b, err := json.Marshal(v)
		require.NoError(t, err)
		assert.JSONEq(t, string(key.PublicKey().JWK()), string(b))
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "key", key, "copy", *key)
	assert.Contains(t, log.String(), `key.alg=ES256 key.kid=me copy="keys.Key(ES256 me)"`)
}

func TestZeroAndNilValuesDoNotPanic(t *testing.T) {
	var none *keys.Key
	for _, v := range []any{none, &keys.Key{}, keys.Key{}, &keys.PublicKey{}, keys.PublicKey{}, (*keys.PublicKey)(nil), keys.Set{}, keys.Set{Keys: []*keys.PublicKey{nil, {}}}} {
		assert.NotPanics(t, func() {
			_ = fmt.Sprintf("%v %+v %#v %s", v, v, v, v)
			_, err := json.Marshal(v)
			assert.NoError(t, err)
			var log bytes.Buffer
			slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
			assert.NotContains(t, log.String(), "panic")
		}, "%T", v)
	}
	zero := &keys.Key{}
	assert.Equal(t, "keys.Key(none)", zero.String())
	assert.Empty(t, zero.KeyID()+zero.Thumbprint()+string(zero.Algorithm()))
	assert.Nil(t, zero.Signer())
	assert.Nil(t, zero.PublicKey().PEM())
	assert.False(t, zero.PublicKey().Equal(zero.PublicKey()))
	b, err := json.Marshal(keys.Set{Keys: []*keys.PublicKey{nil, {}}})
	require.NoError(t, err)
	assert.Equal(t, `{"keys":[]}`, string(b))

	_, err = zero.Sign(t.Context(), keys.Header{}, nil)
	assert.ErrorIs(t, err, keys.ErrNoPrivateKey)
	_, err = zero.PrivateJWK()
	assert.ErrorIs(t, err, keys.ErrNoPrivateKey)
	_, err = zero.PrivatePEM()
	assert.ErrorIs(t, err, keys.ErrNoPrivateKey)
	_, err = zero.PrivateJOSE()
	assert.ErrorIs(t, err, keys.ErrNoPrivateKey)
	_, err = zero.With(keys.Options{KeyID: "k"})
	assert.ErrorIs(t, err, keys.ErrNoPrivateKey)
}

// Marshal writes the public key only. Unmarshal returns an error rather than a key
// that cannot sign.
func TestJSONRoundTripFails(t *testing.T) {
	key := testKey(t, keys.ES256)
	private, err := key.PrivateJWK()
	require.NoError(t, err)
	var config struct {
		Key    keys.Key
		Public *keys.PublicKey
		Set    keys.Set
	}
	text := fmt.Sprintf(`{"Key":%s,"Public":%s,"Set":{"keys":[%s]}}`, private, key.PublicKey().JWK(), key.PublicKey().JWK())
	require.NoError(t, json.Unmarshal([]byte(text), &config))
	assert.Equal(t, key.Thumbprint(), config.Key.Thumbprint())
	assert.True(t, key.PublicKey().Equal(config.Public))
	assert.True(t, key.PublicKey().Equal(config.Set.Key(key.KeyID())))
	_, err = config.Key.Sign(t.Context(), keys.Header{}, nil)
	assert.NoError(t, err)

	written, err := json.Marshal(config)
	require.NoError(t, err)
	assert.ErrorIs(t, json.Unmarshal(written, &config), keys.ErrNoPrivateKey)
	assert.ErrorIs(t, json.Unmarshal([]byte(`{"Public":`+string(private)+`}`), &config), keys.ErrPrivateKey)
	assert.ErrorIs(t, json.Unmarshal([]byte(`{"Set":{"keys":[`+string(private)+`]}}`), &config), keys.ErrPrivateKey)
}
