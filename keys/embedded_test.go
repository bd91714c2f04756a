package keys_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oneKey is a PKCS#8 key of version 2, which includes the public key
// (RFC 5958 §2).
type oneKey struct {
	Version   int
	Algorithm pkix.AlgorithmIdentifier
	Key       []byte
	Public    asn1.BitString `asn1:"tag:1"`
}

// ecKey is the ECPrivateKey of RFC 5915.
type ecKey struct {
	Version int
	Key     []byte
	Curve   asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	Public  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

// crypto/x509 ignores the public key inside a private one. Other libraries use
// it, so it must match.
func TestEmbeddedPublicKeyMustMatch(t *testing.T) {
	bits := func(b []byte) asn1.BitString { return asn1.BitString{Bytes: b, BitLength: 8 * len(b)} }
	der := func(v any) []byte {
		b, err := asn1.Marshal(v)
		require.NoError(t, err)
		return b
	}
	for _, alg := range []keys.Algorithm{keys.ES256, keys.ES384, keys.ES512, keys.EdDSA, keys.RS256} {
		key, other := testKey(t, alg), testKey(t, alg)
		if alg == keys.RS256 {
			other = mustParse(t, openssl(t, "rsa-pkcs8"))
		}
		pkcs8, err := x509.MarshalPKCS8PrivateKey(key.Signer())
		require.NoError(t, err)
		var inner struct {
			Version   int
			Algorithm pkix.AlgorithmIdentifier
			Key       []byte
		}
		_, err = asn1.Unmarshal(pkcs8, &inner)
		require.NoError(t, err)
		v2 := oneKey{1, inner.Algorithm, inner.Key, bits(public(t, key, false))}

		good, bad := map[string][]byte{"PKCS#8, its own": der(v2)}, map[string][]byte{}
		cut := bits(public(t, key, false))
		cut.BitLength -= 3
		cut.Bytes[len(cut.Bytes)-1] &= 0xf8
		wrong := map[string]asn1.BitString{"another's": bits(public(t, other, false)), "empty": {Bytes: []byte{}}, "bits missing": cut}
		for name, p := range wrong {
			v2.Public = p
			bad["PKCS#8, "+name] = der(v2)
		}
		if curve, ok := key.PublicKey().Public().(*ecdsa.PublicKey); ok {
			v2.Public = bits(public(t, key, true))
			good["PKCS#8, compressed"] = der(v2)
			v2.Public = bits(public(t, other, true))
			bad["PKCS#8, another's compressed"] = der(v2)
			sec1, err := x509.MarshalECPrivateKey(key.Signer().(*ecdsa.PrivateKey))
			require.NoError(t, err)
			require.Equal(t, 1, bytes.Count(sec1, public(t, key, false)))
			bad["SEC 1, another's"] = bytes.Replace(sec1, public(t, key, false), public(t, other, false), 1)
			require.Equal(t, 1, bytes.Count(pkcs8, public(t, key, false)))
			bad["SEC 1 in PKCS#8, another's"] = bytes.Replace(pkcs8, public(t, key, false), public(t, other, false), 1)

			var ec ecKey
			_, err = asn1.Unmarshal(sec1, &ec)
			require.NoError(t, err)
			for name, p := range wrong {
				ec.Public = p
				bad["SEC 1, "+name] = der(ec)
			}
			ec.Public = bits(public(t, key, true))
			good["SEC 1, compressed"] = der(ec)
			flipped := public(t, key, true)
			flipped[0] ^= 1 // the point's twin
			ec.Public = bits(flipped)
			bad["SEC 1, its twin"] = der(ec)
			ec.Public = asn1.BitString{}
			good["SEC 1, none"] = der(ec)
			ec.Curve = asn1.ObjectIdentifier{1, 3, 132, 0, 35} // P-521
			inner.Key = der(ec)
			if curve.Curve != elliptic.P521() {
				bad["two curves"] = der(inner)
			} else {
				good["a curve twice"] = der(inner)
			}
		}
		for name, data := range good {
			k, err := keys.Parse(data, keys.Options{})
			require.NoError(t, err, "%s %s", alg, name)
			assert.True(t, k.PublicKey().Equal(key.PublicKey()), "%s %s", alg, name)
		}
		for name, data := range bad {
			_, err := keys.Parse(data, keys.Options{})
			refused(t, err, keys.ErrInconsistent, string(alg)+" "+name, data)
			_, err = keys.Parse(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: data}), keys.Options{})
			refused(t, err, keys.ErrInconsistent, string(alg)+" "+name, data)
		}
	}
}

// public returns the octets of a public key inside a private one.
func public(t *testing.T, key *keys.Key, compressed bool) []byte {
	switch k := key.PublicKey().Public().(type) {
	case *rsa.PublicKey:
		return x509.MarshalPKCS1PublicKey(k)
	case ed25519.PublicKey:
		return bytes.Clone(k)
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		require.NoError(t, err)
		if compressed {
			//lint:ignore SA1019 the coordinates are not accessible otherwise
			return elliptic.MarshalCompressed(k.Curve, k.X, k.Y)
		}
		return point
	}
	t.Fatal("type of key")
	return nil
}
