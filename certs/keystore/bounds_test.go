package keystore

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
)

var generated []*keys.Key // by certified

// certified returns n keys with a certificate each.
func certified(t testing.TB, n int) []*keys.Key {
	t.Helper()
	for i := len(generated); i < n; i++ {
		key, err := keys.Generate(keys.EdDSA)
		require.NoError(t, err)
		key, err = certs.SelfSign(t.Context(), key, certs.Template{Subject: pkix.Name{CommonName: fmt.Sprint(i)}})
		require.NoError(t, err)
		generated = append(generated, key)
	}
	return generated[:n]
}

func plainKey(t testing.TB, k *keys.Key) safeBag {
	t.Helper()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k.Signer())
	require.NoError(t, err)
	return safeBag{ID: oid(oidKeyBag), Value: explicit(pkcs8)}
}

func plainCert(t testing.TB, c *x509.Certificate) safeBag {
	t.Helper()
	return safeBag{ID: oid(oidCertBag), Value: explicit(der(t, certBag{oid(oidX509), c.Raw}))}
}

// many returns a PKCS#12 archive with that many keys and certificates, in
// matching pairs as far as they go.
func many(t testing.TB, privateKeys, certificates int) []byte {
	t.Helper()
	var bags []safeBag
	for i, k := range certified(t, max(privateKeys, certificates)) {
		if i < privateKeys {
			bags = append(bags, plainKey(t, k))
		}
		if i < certificates {
			bags = append(bags, plainCert(t, k.Certificates()[0]))
		}
	}
	return forge(t, bagsOf(t, bags...))
}

func manyJKS(t testing.TB, privateKeys, certificates int) []byte {
	t.Helper()
	store := jks.New()
	for i, k := range certified(t, max(privateKeys, certificates)) {
		pkcs8, err := x509.MarshalPKCS8PrivateKey(k.Signer())
		require.NoError(t, err)
		c := jks.Certificate{Type: "X.509", Content: k.Certificates()[0].Raw}
		switch {
		case i < privateKeys:
			err = store.SetPrivateKeyEntry(fmt.Sprint(i), jks.PrivateKeyEntry{PrivateKey: pkcs8, CertificateChain: []jks.Certificate{c}}, []byte(hostilePassword))
		default:
			err = store.SetTrustedCertificateEntry(fmt.Sprint(i), jks.TrustedCertificateEntry{Certificate: c})
		}
		require.NoError(t, err)
	}
	var b bytes.Buffer
	require.NoError(t, store.Store(&b, []byte(hostilePassword)))
	return b.Bytes()
}

func manyJWKS(t testing.TB, privateKeys int) []byte {
	t.Helper()
	var members [][]byte
	for _, k := range certified(t, privateKeys) {
		k, err := keys.New(k.Signer(), keys.Options{}) // without certificates, which would not fit
		require.NoError(t, err)
		jwk, err := k.PrivateJWK()
		require.NoError(t, err)
		members = append(members, jwk)
	}
	return slices.Concat([]byte(`{"keys":[`), bytes.Join(members, []byte(",")), []byte(`]}`))
}

// flood returns an archive of at most 1 MiB with as many keys and certificates as
// fit. Matching every key with every certificate took two minutes.
func flood(t testing.TB) []byte {
	t.Helper()
	key := keystest.Key(t, keys.EdDSA)
	small := &x509.Certificate{SerialNumber: big.NewInt(1)}
	raw, err := x509.CreateCertificate(nil, small, small, key.PublicKey().Public(), key.Signer())
	require.NoError(t, err)
	bags := slices.Repeat([]safeBag{plainKey(t, key)}, 5400)
	bags = append(bags, slices.Repeat([]safeBag{plainCert(t, &x509.Certificate{Raw: raw})}, 2800)...)
	data := forge(t, bagsOf(t, bags...))
	require.LessOrEqual(t, len(data), maxInput)
	return data
}

func TestLimits(t *testing.T) {
	var contents []contentInfo
	for range maxContents + 1 {
		contents = append(contents, bagsOf(t))
	}
	for name, c := range map[string]struct {
		data    []byte
		entries int // 0: ErrTooLarge
	}{
		"PKCS #12 with 5400 keys and 2800 certificates": {flood(t), 0},
		"PKCS #12 with one key too many":                {many(t, maxPrivateKeys+1, maxPrivateKeys+1), 0},
		"PKCS #12 with one certificate too many":        {many(t, 1, maxCertificates+1), 0},
		"PKCS #12 at the limit":                         {many(t, maxPrivateKeys, maxCertificates), maxCertificates},
		"PKCS #12 with one content too many":            {forge(t, contents...), 0},
		"JKS with one key too many":                     {manyJKS(t, maxPrivateKeys+1, 0), 0},
		"JKS with one certificate too many":             {manyJKS(t, 0, maxCertificates+1), 0},
		"JWKS with one key too many":                    {manyJWKS(t, maxPrivateKeys+1), 0},
		"JKS at the limit":                              {manyJKS(t, maxPrivateKeys, maxCertificates), maxCertificates},
	} {
		t.Run(name, func(t *testing.T) {
			entries, err := Parse(c.data, hostilePassword)
			if c.entries == 0 {
				assert.ErrorIs(t, err, keys.ErrTooLarge)
				_, err = ParseKey(c.data, "", hostilePassword)
				assert.ErrorIs(t, err, keys.ErrTooLarge)
				return
			}
			require.NoError(t, err)
			require.Len(t, entries, c.entries)
			for _, e := range entries {
				require.True(t, isFor(e.Public.Certificates()[0], e.Public.Public()))
			}
		})
	}
}

// Nested contents (SafeContentsBag, RFC 7292 §4.2.6) are ignored, whatever their
// depth.
func TestNestedContentsAreIgnored(t *testing.T) {
	key := certified(t, 1)[0]
	inner := []safeBag{plainKey(t, key), plainCert(t, key.Certificates()[0])}
	for range 1000 {
		inner = []safeBag{{ID: oid("1.2.840.113549.1.12.10.1.6"), Value: explicit(der(t, inner))}}
	}
	_, err := Parse(forge(t, bagsOf(t, inner...)), hostilePassword)
	assert.ErrorIs(t, err, keys.ErrUnsupported)
	entries, err := Parse(forge(t, bagsOf(t, append(inner, plainKey(t, key), plainCert(t, key.Certificates()[0]))...)), hostilePassword)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

// algorithm returns an AlgorithmIdentifier.
func algorithm(t testing.TB, id string, params any) pkix.AlgorithmIdentifier {
	return pkix.AlgorithmIdentifier{Algorithm: oid(id), Parameters: asn1.RawValue{FullBytes: der(t, params)}}
}

func kdf(t testing.TB, prf string, iterations, keyLength int) pkix.AlgorithmIdentifier {
	return algorithm(t, oidPBKDF2, pbkdf2Params{Salt: make([]byte, 8), Iterations: iterations, KeyLength: keyLength, PRF: pkix.AlgorithmIdentifier{Algorithm: oid(prf)}})
}

func pbmac1(t testing.TB, prf string, iterations, keyLength int) (m macData) {
	m.Mac.Algorithm = algorithm(t, oidPBMAC1, struct{ KDF, MAC pkix.AlgorithmIdentifier }{kdf(t, prf, iterations, keyLength), pkix.AlgorithmIdentifier{Algorithm: oid(oidHMACSHA256)}})
	return m
}

func plainMAC(hash string, iterations int) (m macData) {
	m.Mac.Algorithm.Algorithm = oid(hash)
	m.Iterations = iterations
	return m
}

func TestKeyDerivationCost(t *testing.T) {
	legacy := func(id string, iterations int) pkix.AlgorithmIdentifier {
		return algorithm(t, oidLegacyPBE+id, struct {
			Salt       []byte
			Iterations int
		}{make([]byte, 8), iterations})
	}
	modern := func(prf string, iterations, keyLength int) pkix.AlgorithmIdentifier {
		aes := algorithm(t, "2.16.840.1.101.3.4.1.42", make([]byte, 16))
		return algorithm(t, oidPBES2, struct{ KDF, Cipher pkix.AlgorithmIdentifier }{kdf(t, prf, iterations, keyLength), aes})
	}
	for name, c := range map[string]struct {
		mac  *macData
		pbe  pkix.AlgorithmIdentifier
		cost int
	}{
		"MAC":                              {mac: new(plainMAC(oidSHA1, 1000)), cost: 1000},
		"MAC of SHA-512":                   {mac: new(plainMAC(oidSHA512, 1000)), cost: 3000},
		"PBMAC1 of one block":              {mac: new(pbmac1(t, oidHMACSHA256, 1000, 32)), cost: 2000},
		"PBMAC1 of two blocks":             {mac: new(pbmac1(t, oidHMACSHA1, 1000, 32)), cost: 4000},
		"PBMAC1 of four blocks":            {mac: new(pbmac1(t, oidHMACSHA1, 1000, 64)), cost: 8000},
		"3DES":                             {pbe: legacy("3", 1000), cost: 3000},
		"PBES2":                            {pbe: modern(oidHMACSHA256, 1000, 32), cost: 2000},
		"PBES2 with SHA-1":                 {pbe: modern(oidHMACSHA1, 1000, 32), cost: 4000},
		"PBES2 with a wrong key length":    {pbe: modern(oidHMACSHA1, 1000, 1), cost: 4000},
		"PBES2 with a key length of 1 GiB": {pbe: modern(oidHMACSHA512, 1000, 1<<30), cost: 6000},
		"limit":                            {mac: new(plainMAC(oidSHA1, maxHashes)), cost: maxHashes},
		"limit of PBMAC1":                  {mac: new(pbmac1(t, oidHMACSHA1, maxHashes/8, 64)), cost: maxHashes},
		"over the limit":                   {mac: new(plainMAC(oidSHA1, maxHashes+1))},
		"over the limit of PBMAC1":         {mac: new(pbmac1(t, oidHMACSHA1, maxHashes/8+1, 64))},
		"PBMAC1, integer overflow":         {mac: new(pbmac1(t, oidHMACSHA1, math.MaxInt64/4, 64))},
		"PBES2, integer overflow":          {pbe: modern(oidHMACSHA1, math.MaxInt64/2, 32)},
		"3DES, integer overflow":           {pbe: legacy("3", math.MaxInt64/2)},
	} {
		t.Run(name, func(t *testing.T) {
			left := budget(maxHashes)
			var err error
			if c.mac != nil {
				err = left.spendMAC(c.mac)
			} else {
				err = left.spendPBE(c.pbe)
			}
			if c.cost == 0 {
				require.ErrorIs(t, err, keys.ErrTooLarge)
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, c.cost, maxHashes-int(left))
		})
	}
	t.Run("scrypt", func(t *testing.T) {
		left := budget(maxHashes)
		scrypt := algorithm(t, "1.3.6.1.4.1.11591.4.11", struct {
			Salt    []byte
			N, R, P int
		}{make([]byte, 8), 1 << 20, 8, 1 << 10})
		aes := algorithm(t, "2.16.840.1.101.3.4.1.42", make([]byte, 16))
		err := left.spendPBE(algorithm(t, oidPBES2, struct{ KDF, Cipher pkix.AlgorithmIdentifier }{scrypt, aes}))
		assert.ErrorIs(t, err, keys.ErrUnsupported)
	})
}

// An empty password has two encodings, which derive different keys except under
// PBMAC1. Trying both costs twice as much.
func TestEmptyPasswordCost(t *testing.T) {
	for name, c := range map[string]struct {
		mac      macData
		password string
		cost     int
	}{
		"a password":                         {plainMAC(oidSHA256, 1000), "x", 1000},
		"none":                               {plainMAC(oidSHA256, 1000), "", 2000},
		"none, under PBMAC1":                 {pbmac1(t, oidHMACSHA256, 1000, 32), "", 2000},
		"none, over the limit at the second": {plainMAC(oidSHA256, 6000), "", 6000},
		"none, over the limit at the first":  {plainMAC(oidSHA256, 10001), "", 0},
		"PBMAC1 of four blocks":              {pbmac1(t, oidHMACSHA1, 1000, 64), "", 8000},
		"PBMAC1, over the limit":             {pbmac1(t, oidHMACSHA1, 1251, 64), "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			pw, err := newPassword(c.password)
			require.NoError(t, err)
			left := budget(10000)
			_, err = c.mac.verify(pw, []byte("content"), &left)
			require.Error(t, err)
			assert.Equal(t, c.cost, 10000-int(left))
		})
	}
}

// BenchmarkParse measures the most expensive archives.
func BenchmarkParse(b *testing.B) {
	costly := func(m macData) []byte {
		var p pfx
		require.NoError(b, unmarshal(forge(b), &p))
		p.MacData = m
		return der(b, p)
	}
	for name, data := range map[string][]byte{
		"keys=1/certs=1":       many(b, 1, 1),
		"keys=100/certs=100":   many(b, maxPrivateKeys, maxPrivateKeys),
		"keys=100/certs=1000":  many(b, maxPrivateKeys, maxCertificates),
		"keys=5400/certs=2800": flood(b),
		"budget/SHA-1":         costly(pbmac1(b, oidHMACSHA1, maxHashes/8, 64)),
		"budget/SHA-256":       costly(pbmac1(b, oidHMACSHA256, maxHashes/4, 64)),
		"budget/SHA-512":       costly(pbmac1(b, oidHMACSHA512, maxHashes/6, 64)),
		"budget/empty":         costly(plainMAC(oidSHA256, maxHashes/2)),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Parse(data, map[bool]string{false: hostilePassword}[name == "budget/empty"])
			}
		})
	}
}
