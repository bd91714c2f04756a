//lint:file-ignore SA1019 broken keys can only be made with the deprecated fields

package keys_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// device is a signer without key material, like that of an HSM or KMS.
type device struct {
	public crypto.PublicKey
	sign   func(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

func (d *device) Public() crypto.PublicKey { return d.public }
func (d *device) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return d.sign(nil, digest, opts)
}

// remote is a device whose Sign method takes a context.
type remote struct{ device }

func (r *remote) SignContext(ctx context.Context, _ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return r.sign(ctx, digest, opts)
}

type failingSigner struct {
	crypto.Signer
	text string
}

func (f failingSigner) SignContext(context.Context, io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, &driverError{f.text}
}

type driverError struct{ text string }

func (e *driverError) Error() string { return "driver: " + e.text }

func TestDeviceSignsWithEveryAlgorithm(t *testing.T) {
	for _, alg := range algorithms() {
		soft := testKey(t, alg).Signer()
		d := &device{soft.Public(), func(_ context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
			return soft.Sign(rand.Reader, digest, opts)
		}}
		key, err := keys.New(d, keys.Options{Algorithm: alg})
		require.NoError(t, err)
		token, err := key.Sign(t.Context(), keys.Header{Type: "JWT"}, []byte(`{}`))
		require.NoError(t, err, alg)
		assert.Equal(t, "{}", string(verified(t, token, key.PublicKey())))

		_, err = key.PrivateJWK()
		assert.ErrorIs(t, err, keys.ErrNoPrivateKey)
		_, err = key.PrivatePEM()
		assert.ErrorIs(t, err, keys.ErrNoPrivateKey)
		_, err = key.PrivateJOSE()
		assert.ErrorIs(t, err, keys.ErrNoPrivateKey)
	}
}

func TestDeviceGetsTheContext(t *testing.T) {
	type name struct{}
	soft := testKey(t, keys.ES256).Signer()
	r := &remote{device{soft.Public(), func(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		assert.Equal(t, "value", ctx.Value(name{}))
		return soft.Sign(rand.Reader, digest, opts)
	}}}
	key, err := keys.New(r, keys.Options{})
	require.NoError(t, err)
	_, err = key.Sign(context.WithValue(t.Context(), name{}, "value"), keys.Header{}, nil)
	require.NoError(t, err)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = key.Sign(ended, keys.Header{}, nil)
	assert.ErrorIs(t, err, context.Canceled)
}

// An error of the context is printed: unlike one of a driver it holds no secret.
func TestDeviceTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{device{testKey(t, keys.ES256).PublicKey().Public(), func(ctx context.Context, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
			<-ctx.Done()
			return nil, fmt.Errorf("pin 123456: %w", ctx.Err())
		}}}
		key, err := keys.New(r, keys.Options{})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = key.Sign(ctx, keys.Header{}, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.EqualError(t, err, "keys: signer failed: context deadline exceeded")
	})
}

func TestDeviceSignatureErrors(t *testing.T) {
	other := testKey(t, keys.ES256).Signer()
	for name, answer := range map[string]func([]byte, crypto.SignerOpts) ([]byte, error){
		"garbage":         func([]byte, crypto.SignerOpts) ([]byte, error) { return []byte("garbage"), nil },
		"nothing":         func([]byte, crypto.SignerOpts) ([]byte, error) { return nil, nil },
		"raw, not DER":    func([]byte, crypto.SignerOpts) ([]byte, error) { return make([]byte, 64), nil },
		"r and s of zero": func([]byte, crypto.SignerOpts) ([]byte, error) { return []byte{0x30, 6, 2, 1, 0, 2, 1, 0}, nil },
		"another key":     func(d []byte, o crypto.SignerOpts) ([]byte, error) { return other.Sign(rand.Reader, d, o) },
		"another message": func(d []byte, o crypto.SignerOpts) ([]byte, error) {
			return other.Sign(rand.Reader, make([]byte, 32), o)
		},
		"length past end":  func([]byte, crypto.SignerOpts) ([]byte, error) { return []byte{0x30, 0x81, 0xff, 2}, nil },
		"an error":         func([]byte, crypto.SignerOpts) ([]byte, error) { return nil, errors.New("pin 123456") },
		"error and answer": func([]byte, crypto.SignerOpts) ([]byte, error) { return []byte("x"), errors.New("pin 123456") },
	} {
		for _, alg := range []keys.Algorithm{keys.ES256, keys.RS256, keys.PS256, keys.EdDSA} {
			d := &device{testKey(t, alg).PublicKey().Public(), func(_ context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
				if alg == keys.EdDSA && name != "an error" {
					return answer(make([]byte, 32), crypto.SHA256)
				}
				return answer(digest, opts)
			}}
			key, err := keys.New(d, keys.Options{Algorithm: alg})
			require.NoError(t, err)
			token, err := key.Sign(t.Context(), keys.Header{}, []byte(`{}`))
			assert.Empty(t, token)
			var typed *keys.Error
			require.ErrorAs(t, err, &typed, name)
			assert.ErrorIs(t, err, keys.ErrSigner)
			assert.NotContains(t, err.Error(), "123456")
		}
	}
}

func TestDeviceErrorIsWrappedButNotPrinted(t *testing.T) {
	key, err := keys.New(failingSigner{testKey(t, keys.ES256).Signer(), "token=abc"}, keys.Options{})
	require.NoError(t, err)
	_, err = key.Sign(t.Context(), keys.Header{}, nil)
	assert.Equal(t, "keys: signer failed: it returned an error", err.Error())
	var own *driverError
	require.ErrorAs(t, err, &own)
	assert.Equal(t, "driver: token=abc", own.Error())
}

func TestNewErrors(t *testing.T) {
	rsaKey := testKey(t, keys.RS256).Signer().(*rsa.PrivateKey)
	ecKey := testKey(t, keys.ES256).Signer().(*ecdsa.PrivateKey)
	edKey := testKey(t, keys.EdDSA).Signer().(ed25519.PrivateKey)
	otherEC := testKey(t, keys.ES256).Signer().(*ecdsa.PrivateKey)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	brokenEd := append(ed25519.PrivateKey(nil), edKey...)
	brokenEd[40] ^= 1
	threePrimes, err := rsa.GenerateMultiPrimeKey(rand.Reader, 3, 2048)
	require.NoError(t, err)
	rsaWith := func(change func(*rsa.PrivateKey)) *rsa.PrivateKey {
		k := &rsa.PrivateKey{PublicKey: rsaKey.PublicKey, D: rsaKey.D, Primes: append([]*big.Int(nil), rsaKey.Primes...)}
		change(k)
		return k
	}
	for name, c := range map[string]struct {
		signer crypto.Signer
		rule   error
	}{
		"nil":                     {nil, keys.ErrNoPrivateKey},
		"typed nil RSA":           {(*rsa.PrivateKey)(nil), keys.ErrNoPrivateKey},
		"typed nil EC":            {(*ecdsa.PrivateKey)(nil), keys.ErrNoPrivateKey},
		"typed nil Ed25519":       {(*ed25519.PrivateKey)(nil), keys.ErrNoPrivateKey},
		"typed nil device":        {(*device)(nil), keys.ErrNoPrivateKey},
		"empty Ed25519":           {ed25519.PrivateKey{}, keys.ErrMalformed},
		"Ed25519, public changed": {brokenEd, keys.ErrInconsistent},
		"empty RSA":               {&rsa.PrivateKey{}, keys.ErrMalformed},
		"empty EC":                {&ecdsa.PrivateKey{}, keys.ErrMalformed},
		"EC without D":            {&ecdsa.PrivateKey{PublicKey: ecKey.PublicKey}, keys.ErrNoPrivateKey},
		"EC of another public":    {&ecdsa.PrivateKey{PublicKey: otherEC.PublicKey, D: ecKey.D}, keys.ErrInconsistent},
		"EC with D of zero":       {&ecdsa.PrivateKey{PublicKey: ecKey.PublicKey, D: new(big.Int)}, keys.ErrInconsistent},
		"P-224":                   {p224, keys.ErrUnsupported},
		"device without a key":    {&device{}, keys.ErrUnsupported},
		"device, key by value":    {&device{public: rsaKey.PublicKey}, keys.ErrUnsupported},
		"device, typed nil RSA":   {&device{public: (*rsa.PublicKey)(nil)}, keys.ErrMalformed},
		"device, typed nil EC":    {&device{public: (*ecdsa.PublicKey)(nil)}, keys.ErrMalformed},
		"device, point off curve": {&device{public: &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}}, keys.ErrInvalidPoint},
		"device, infinity":        {&device{public: &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int), Y: new(big.Int)}}, keys.ErrInvalidPoint},
		"RSA without primes":      {rsaWith(func(k *rsa.PrivateKey) { k.Primes = nil }), keys.ErrUnsupported},
		"RSA with three primes":   {threePrimes, keys.ErrUnsupported},
		"RSA with nil primes":     {rsaWith(func(k *rsa.PrivateKey) { k.Primes = make([]*big.Int, 2) }), keys.ErrInconsistent},
		"RSA with p twice":        {rsaWith(func(k *rsa.PrivateKey) { k.Primes[1] = k.Primes[0] }), keys.ErrInconsistent},
		"RSA with another d":      {rsaWith(func(k *rsa.PrivateKey) { k.D = new(big.Int).Add(k.D, big.NewInt(2)) }), keys.ErrInconsistent},
		"RSA without d":           {rsaWith(func(k *rsa.PrivateKey) { k.D = nil }), keys.ErrInconsistent},
		"RSA with a negative d":   {rsaWith(func(k *rsa.PrivateKey) { k.D = new(big.Int).Neg(k.D) }), keys.ErrInconsistent},
		"RSA, negative primes": {rsaWith(func(k *rsa.PrivateKey) {
			for i, p := range k.Primes {
				k.Primes[i] = new(big.Int).Neg(p)
			}
		}), keys.ErrInconsistent},
		"RSA with e=1":          {rsaWith(func(k *rsa.PrivateKey) { k.E = 1 }), keys.ErrWeak},
		"RSA, negative modulus": {rsaWith(func(k *rsa.PrivateKey) { k.N = new(big.Int).Neg(k.N) }), keys.ErrWeak},
	} {
		key, err := keys.New(c.signer, keys.Options{})
		assert.ErrorIs(t, err, c.rule, name)
		assert.Nil(t, key, name)
	}

	byPointer, err := keys.New(&edKey, keys.Options{})
	require.NoError(t, err)
	_, err = byPointer.PrivateJWK()
	assert.NoError(t, err, "pointer to an Ed25519 key")
}

func TestOptionsAreChecked(t *testing.T) {
	key := testKey(t, keys.ES256)
	for name, c := range map[string]struct {
		o    keys.Options
		rule error
	}{
		"RSA algorithm":     {keys.Options{Algorithm: keys.RS256}, keys.ErrInconsistent},
		"another curve's":   {keys.Options{Algorithm: keys.ES384}, keys.ErrInconsistent},
		"none":              {keys.Options{Algorithm: "none"}, keys.ErrUnsupported},
		"HMAC":              {keys.Options{Algorithm: "HS256"}, keys.ErrUnsupported},
		"other case":        {keys.Options{Algorithm: "es256"}, keys.ErrUnsupported},
		"kid with newline":  {keys.Options{KeyID: "a\nb"}, keys.ErrMalformed},
		"kid with DEL":      {keys.Options{KeyID: "a\x7f"}, keys.ErrMalformed},
		"kid not UTF-8":     {keys.Options{KeyID: "\xff"}, keys.ErrMalformed},
		"kid of 1025 bytes": {keys.Options{KeyID: string(make([]byte, 1025))}, keys.ErrTooLarge},
		"nil certificate":   {keys.Options{Certificates: append(certificates(t, "rsa"), nil)}, keys.ErrMalformed},
		"another's":         {keys.Options{Certificates: certificates(t, "rsa")}, keys.ErrInconsistent},
	} {
		_, err := key.With(c.o)
		assert.ErrorIs(t, err, c.rule, name)
	}
	_, err := key.With(keys.Options{KeyID: strings.Repeat("ø", 512)})
	assert.NoError(t, err, "a kid of 1024 bytes")
}
