package keystore

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"math"
	"math/big"
	"os"
	"slices"
	"testing"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/keys"
)

const hostilePassword = "changeit"

// forge returns an archive of the contents with a valid MAC.
func forge(t testing.TB, contents ...contentInfo) []byte {
	t.Helper()
	var p pfx
	p.Version = pfxVersion
	p.AuthSafe.ContentType = oid(oidData)
	p.MacData.Mac.Algorithm.Algorithm = oid(oidSHA256)
	p.MacData.Iterations = 1
	pw, err := newPassword(hostilePassword)
	require.NoError(t, err)
	der, err := p.seal(contents, pw)
	require.NoError(t, err)
	return der
}

func der(t testing.TB, v any) []byte {
	t.Helper()
	b, err := asn1.Marshal(v)
	require.NoError(t, err)
	return b
}

func bagsOf(t testing.TB, list ...safeBag) contentInfo {
	t.Helper()
	c, err := dataContent(list)
	require.NoError(t, err)
	return c
}

// pbes2 encrypts with AES-256 under a password-derived key. It derives the key
// with one iteration, whatever count it declares.
func pbes2(t testing.TB, plain []byte, iterations int) (pkix.AlgorithmIdentifier, []byte) {
	t.Helper()
	salt, iv := make([]byte, 8), make([]byte, aes.BlockSize)
	key, err := pbkdf2.Key(sha256.New, hostilePassword, salt, 1, 32)
	require.NoError(t, err)
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	data := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)

	kdf := pbkdf2Params{Salt: salt, Iterations: iterations, PRF: pkix.AlgorithmIdentifier{Algorithm: oid(oidHMACSHA256)}}
	params := der(t, struct{ KDF, Cipher pkix.AlgorithmIdentifier }{
		pkix.AlgorithmIdentifier{Algorithm: oid(oidPBKDF2), Parameters: asn1.RawValue{FullBytes: der(t, kdf)}},
		pkix.AlgorithmIdentifier{Algorithm: oid("2.16.840.1.101.3.4.1.42"), Parameters: asn1.RawValue{FullBytes: der(t, iv)}},
	})
	return pkix.AlgorithmIdentifier{Algorithm: oid(oidPBES2), Parameters: asn1.RawValue{FullBytes: params}}, data
}

func encrypted(t testing.TB, plain []byte, iterations int) contentInfo {
	t.Helper()
	var e encryptedData
	e.Content.ContentType = oid(oidData)
	e.Content.Algorithm, e.Content.Encrypted = pbes2(t, plain, iterations)
	return contentInfo{oid(oidEncryptedData), explicit(der(t, e))}
}

func shrouded(t testing.TB, plain []byte, iterations int) safeBag {
	t.Helper()
	var e encryptedKey
	e.Algorithm, e.Encrypted = pbes2(t, plain, iterations)
	return safeBag{ID: oid(oidShroudedBag), Value: explicit(der(t, e))}
}

// in3DES encrypts as OpenSSL did before 3.0 (RFC 7292 appendix B.2 and C).
func in3DES(t testing.TB, plain []byte) contentInfo {
	t.Helper()
	pw, err := newPassword(hostilePassword)
	require.NoError(t, err)
	salt := make([]byte, 8)
	blocks := append(repeat(salt, sha1.BlockSize), repeat(pw.bmp, sha1.BlockSize)...)
	derive := func(id byte, blocks []byte) []byte {
		sum := sha1.Sum(append(bytes.Repeat([]byte{id}, sha1.BlockSize), blocks...))
		return sum[:]
	}
	key := derive(1, blocks)
	step := new(big.Int).SetBytes(repeat(key, sha1.BlockSize))
	step.Add(step, big.NewInt(1))
	second := bytes.Clone(blocks)
	for block := range slices.Chunk(second, sha1.BlockSize) {
		sum := new(big.Int).Add(new(big.Int).SetBytes(block), step).FillBytes(make([]byte, sha1.BlockSize+1))
		copy(block, sum[1:])
	}
	key = append(key, derive(1, second)...)[:24]
	block, err := des.NewTripleDESCipher(key)
	require.NoError(t, err)
	pad := des.BlockSize - len(plain)%des.BlockSize
	data := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, derive(2, blocks)[:des.BlockSize]).CryptBlocks(data, data)

	var e encryptedData
	e.Content.ContentType = oid(oidData)
	e.Content.Algorithm = algorithm(t, oidLegacyPBE+"3", struct {
		Salt       []byte
		Iterations int
	}{salt, 1})
	e.Content.Encrypted = data
	return contentInfo{oid(oidEncryptedData), explicit(der(t, e))}
}

func TestHostilePKCS12(t *testing.T) {
	key, err := newFiller()
	require.NoError(t, err)
	other, err := newFiller()
	require.NoError(t, err)
	renewed, err := certs.SelfSign(t.Context(), key, certs.Template{Subject: pkix.Name{CommonName: "renewed"}})
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key.Signer())
	require.NoError(t, err)
	cert := func(k *keys.Key) safeBag { return plainCert(t, k.Certificates()[0]) }
	mismatched, err := pkcs12.Modern.Encode(key.Signer(), other.Certificates()[0], nil, hostilePassword)
	require.NoError(t, err)
	bomb := forge(t)
	var p pfx
	require.NoError(t, unmarshal(bomb, &p))
	p.MacData.Iterations = math.MaxInt32
	bomb = der(t, p)
	pbmac1 := func(iterations, keyLength int) []byte {
		kdf := der(t, pbkdf2Params{Salt: make([]byte, 8), Iterations: iterations, KeyLength: keyLength, PRF: pkix.AlgorithmIdentifier{Algorithm: oid(oidHMACSHA256)}})
		p.MacData.Mac.Algorithm = pkix.AlgorithmIdentifier{Algorithm: oid(oidPBMAC1), Parameters: asn1.RawValue{FullBytes: der(t, struct{ KDF, MAC pkix.AlgorithmIdentifier }{
			pkix.AlgorithmIdentifier{Algorithm: oid(oidPBKDF2), Parameters: asn1.RawValue{FullBytes: kdf}},
			pkix.AlgorithmIdentifier{Algorithm: oid(oidHMACSHA256)},
		})}}
		return der(t, p)
	}
	legacyBomb := pkix.AlgorithmIdentifier{Algorithm: oid(oidLegacyPBE + "3"), Parameters: asn1.RawValue{FullBytes: der(t, struct {
		Salt       []byte
		Iterations int
	}{make([]byte, 8), math.MaxInt32})}}

	honest := forge(t, bagsOf(t, shrouded(t, pkcs8, 1)), encrypted(t, der(t, []safeBag{cert(key)}), 1))
	_, err = ParseKey(honest, "", hostilePassword)
	require.NoError(t, err, "a valid archive")
	_, err = ParseKey(forge(t, bagsOf(t, shrouded(t, pkcs8, 1)), in3DES(t, der(t, []safeBag{cert(key)}))), "", hostilePassword)
	require.NoError(t, err, "a valid archive in 3DES")

	for _, c := range []struct {
		rule string
		data []byte
		want error
	}{
		{"key of another certificate", mismatched, certs.ErrMismatch},
		{"two certificates for one key", forge(t, bagsOf(t, shrouded(t, pkcs8, 1), cert(key), cert(renewed))), keys.ErrAmbiguous},
		{"no contents", forge(t), keys.ErrUnsupported},
		{"iterations of the MAC", bomb, keys.ErrTooLarge},
		{"iterations of PBMAC1", pbmac1(math.MaxInt32, 32), keys.ErrTooLarge},
		{"PBMAC1 with a short key", pbmac1(1, 19), keys.ErrUnsupported},
		{"PBMAC1 with a long key", pbmac1(1, 65), keys.ErrUnsupported},
		{"PBMAC1 of another content", pbmac1(1, 20), ErrPassword},
		{"iterations of the certificates", forge(t, encrypted(t, []byte{}, maxHashes/2)), keys.ErrTooLarge},
		{"iterations of the key", forge(t, bagsOf(t, shrouded(t, pkcs8, math.MaxInt32))), keys.ErrTooLarge},
		{"iterations of a legacy key", forge(t, bagsOf(t, safeBag{ID: oid(oidShroudedBag), Value: explicit(der(t, encryptedKey{legacyBomb, pkcs8}))})), keys.ErrTooLarge},
		{"sum of iterations", forge(t, bagsOf(t, shrouded(t, pkcs8, maxHashes/4), shrouded(t, pkcs8, maxHashes/4))), keys.ErrTooLarge},
		{"iterations below one", forge(t, bagsOf(t, shrouded(t, pkcs8, 0))), keys.ErrMalformed},
		{"negative iterations", forge(t, encrypted(t, []byte{}, -1)), keys.ErrMalformed},
		{"iterations of a key among the certificates", forge(t, encrypted(t, der(t, []safeBag{shrouded(t, pkcs8, math.MaxInt32), cert(key)}), 1)), keys.ErrTooLarge},
		{"iterations of a key among certificates in 3DES", forge(t, in3DES(t, der(t, []safeBag{shrouded(t, pkcs8, math.MaxInt32), cert(key)}))), keys.ErrMalformed},
		{"garbage among the certificates", forge(t, encrypted(t, []byte("garbage"), 1)), keys.ErrMalformed},
		{"huge key", forge(t, bagsOf(t, shrouded(t, make([]byte, maxPrivateKey), 1))), keys.ErrTooLarge},
		{"huge unencrypted key", forge(t, bagsOf(t, safeBag{ID: oid(oidKeyBag), Value: explicit(make([]byte, maxPrivateKey+1))}, cert(key))), keys.ErrTooLarge},
		{"unknown encryption", forge(t, bagsOf(t, safeBag{ID: oid(oidShroudedBag), Value: explicit(der(t, encryptedKey{pkix.AlgorithmIdentifier{Algorithm: oid(oidSHA1)}, nil}))})), keys.ErrUnsupported},
		{"content for a public key", forge(t, contentInfo{oid("1.2.840.113549.1.7.3"), explicit(der(t, []int{0}))}), keys.ErrUnsupported},
		{"malformed content", forge(t, contentInfo{oid(oidData), explicit(der(t, []byte("garbage")))}), keys.ErrMalformed},
	} {
		t.Run(c.rule, func(t *testing.T) {
			entries, err := Parse(c.data, hostilePassword)
			require.ErrorIs(t, err, c.want)
			assert.Empty(t, entries)
			assert.NotContains(t, err.Error(), hostilePassword)
		})
	}
}

func TestHostileJKS(t *testing.T) {
	key, err := newFiller()
	require.NoError(t, err)
	other, err := newFiller()
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key.Signer())
	require.NoError(t, err)
	store := jks.New()
	require.NoError(t, store.SetPrivateKeyEntry("a", jks.PrivateKeyEntry{PrivateKey: pkcs8, CertificateChain: []jks.Certificate{
		{Type: "X.509", Content: other.Certificates()[0].Raw},
	}}, []byte(hostilePassword)))
	var mismatched bytes.Buffer
	require.NoError(t, store.Store(&mismatched, []byte(hostilePassword)))

	const head, alias, date = magicJKS + "\x00\x00\x00\x02\x00\x00\x00\x01", "\x00\x01a", "\x00\x00\x00\x00\x00\x00\x00\x00"
	protected := func(oid asn1.ObjectIdentifier, size int) string {
		b := der(t, encryptedKey{pkix.AlgorithmIdentifier{Algorithm: oid}, make([]byte, size)})
		return head + "\x00\x00\x00\x01" + alias + date + string([]byte{0, 0, byte(len(b) >> 8), byte(len(b))}) + string(b) + "\x00\x00\x00\x00" + string(make([]byte, 20))
	}
	for _, c := range []struct {
		rule string
		data string
		want error
	}{
		{"key of another certificate", mismatched.String(), certs.ErrMismatch},
		{"key of 4 GiB", head + "\x00\x00\x00\x01" + alias + date + "\xff\xff\xff\xff", keys.ErrMalformed},
		{"certificate of 4 GiB", head + "\x00\x00\x00\x02" + alias + date + "\x00\x05X.509\xff\xff\xff\xff", keys.ErrMalformed},
		{"4 billion entries", magicJKS + "\x00\x00\x00\x02\xff\xff\xff\xff", keys.ErrMalformed},
		{"unknown version", magicJKS + "\x00\x00\x00\x03\x00\x00\x00\x00", keys.ErrUnsupported},
		{"unknown entry", head + "\x00\x00\x00\x03" + alias + date, keys.ErrUnsupported},
		{"key shorter than its salt and hash", protected(oid(oidJKS), jksOverhead-1), keys.ErrMalformed},
		{"huge key", protected(oid(oidJKS), maxPrivateKey+1), keys.ErrTooLarge},
		{"key under another protection", protected(oid(oidPBES2), 100), keys.ErrUnsupported},
		{"trailing bytes", mismatched.String() + "x", keys.ErrMalformed},
	} {
		t.Run(c.rule, func(t *testing.T) {
			entries, err := Parse([]byte(c.data), hostilePassword)
			require.ErrorIs(t, err, c.want)
			assert.Empty(t, entries)
		})
	}
}

// The archives of RFC 9579 appendix A: three are valid, the others have a wrong
// iteration count, a wrong salt, and no key length.
func TestPBMAC1(t *testing.T) {
	for name, want := range map[string]error{
		"a1": nil, "a2": nil, "a3": nil,
		"a4": ErrPassword, "a5": ErrPassword, "a6": keys.ErrUnsupported,
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile("testdata/rfc9579-" + name + ".txt")
			require.NoError(t, err)
			data, err := base64.StdEncoding.DecodeString(string(text))
			require.NoError(t, err)
			key, err := ParseKey(data, "", "1234")
			require.ErrorIs(t, err, want)
			assert.Equal(t, want == nil, key != nil)
		})
	}
}
