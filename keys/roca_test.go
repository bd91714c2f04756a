package keys

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	mathrand "math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// roca generates numbers as the flawed library did (Nemec et al., 2017, §2.2):
// k·M + (65537ᵃ mod M), with M the product of the first primes.
type roca struct {
	m      *big.Int
	random *mathrand.ChaCha8
}

func newROCA(primes int) roca {
	r := roca{big.NewInt(1), mathrand.NewChaCha8([32]byte{byte(primes)})} // deterministic
	for p := int64(2); primes > 0; p++ {
		if big.NewInt(p).ProbablyPrime(0) {
			r.m.Mul(r.m, big.NewInt(p))
			primes--
		}
	}
	return r
}

func (r roca) number(bits int) *big.Int {
	for {
		n := new(big.Int).Exp(big.NewInt(65537), r.integer(256), r.m)
		k := r.integer(bits - r.m.BitLen() + 8)
		n.Add(n, k.Mul(k, r.m))
		if n.BitLen() == bits && n.Bit(bits-2) == 1 {
			return n
		}
	}
}

func (r roca) integer(bits int) *big.Int {
	b := make([]byte, bits/8)
	r.random.Read(b)
	return new(big.Int).SetBytes(b)
}

// key generates an RSA key of 2048 bits.
func (r roca) key(t testing.TB) *rsa.PrivateKey {
	prime := func() *big.Int {
		p := r.number(1024)
		for !p.ProbablyPrime(5) || new(big.Int).Mod(p, big.NewInt(65537)).Int64() == 1 {
			p.Add(p, r.m) // the next k
		}
		return p
	}
	p, q := prime(), prime()
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	d := new(big.Int).ModInverse(big.NewInt(65537), phi)
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, D: d, Primes: []*big.Int{p, q}}
	key.Precompute()
	require.NoError(t, key.Validate())
	return key
}

// Every reader refuses keys of CVE-2017-15361.
func TestROCAKeysAreRefused(t *testing.T) {
	refused := func(err error) {
		t.Helper()
		require.ErrorIs(t, err, ErrWeak)
		assert.ErrorContains(t, err, "CVE-2017-15361")
	}
	key := newROCA(126).key(t)
	_, err := New(key, Options{})
	refused(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for _, der := range [][]byte{pkcs8, x509.MarshalPKCS1PrivateKey(key)} {
		_, err = Parse(der, Options{})
		refused(err)
	}

	moduli := []*big.Int{key.N}
	for bits, primes := range map[int]int{3072: 126, 4096: 225} { // the residues do not depend on primality
		r := newROCA(primes)
		moduli = append(moduli, new(big.Int).Mul(r.number(bits/2), r.number(bits/2)))
	}
	for _, n := range moduli {
		public := &rsa.PublicKey{N: n, E: 65537}
		_, err := NewPublicKey(public, Options{})
		refused(err)
		spki, err := x509.MarshalPKIXPublicKey(public)
		require.NoError(t, err)
		_, err = ParsePublic(spki, Options{})
		refused(err)
		jwk := []byte(`{"kty":"RSA","e":"AQAB","n":"` + base64.RawURLEncoding.EncodeToString(n.Bytes()) + `"}`)
		_, err = ParsePublic(jwk, Options{})
		refused(err)
		set, err := ParseSet([]byte(`{"keys":[` + string(jwk) + `]}`))
		require.NoError(t, err)
		assert.Empty(t, set.Keys)
	}
}

// The probability that another modulus is refused is 2⁻²⁷.
func TestROCAAcceptsOtherKeys(t *testing.T) {
	for range 3000 { // products of random odd numbers have the residues of moduli
		b := make([]byte, 256)
		rand.Read(b)
		b[0], b[255] = b[0]|0x80, b[255]|1
		require.False(t, isROCA(new(big.Int).SetBytes(b)))
	}
	for range 300 { // real moduli, small for speed
		p, err := rand.Prime(rand.Reader, 128)
		require.NoError(t, err)
		q, err := rand.Prime(rand.Reader, 128)
		require.NoError(t, err)
		require.False(t, isROCA(p.Mul(p, q)))
	}
	chance := 1.0
	for p := uint(3); p <= 167; p++ {
		if !big.NewInt(int64(p)).ProbablyPrime(0) {
			continue
		}
		powers := 0
		for x := uint(1); x < p; x++ {
			if isPower(x, p) {
				powers++
			}
		}
		chance *= float64(powers) / float64(p-1)
	}
	assert.Less(t, chance, 1.0/(1<<27))
	assert.Greater(t, chance, 1.0/(1<<28))
}
