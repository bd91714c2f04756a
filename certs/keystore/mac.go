package keystore

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/pbkdf2"
	_ "crypto/sha1" // the hashes that archives name
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509/pkix"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/nokkel/nokkel/keys"
)

// macData is the MAC of an archive. By hand because go-pkcs12 v0.7.4 verifies
// one only on its way to decrypting all that lies under it, does not know
// SHA-384, and computes none over a content that was changed, as [nameKey] and
// [archive.unwrap] need. It verifies PBMAC1 (RFC 9579) in the same way only.
type macData struct {
	Mac struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}
	Salt       []byte
	Iterations int `asn1:"optional,default:1"`
}

// pbkdf2Params are those of RFC 8018 appendix A.2.
type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

// password is a password in the two forms that PKCS#12 wants: UTF-8 for PBES2
// and PBMAC1, UCS-2 with a zero at the end for everything older.
type password struct {
	text string
	bmp  []byte
}

// newPassword refuses invalid UTF-8: all wrong bytes would become the same
// character, and each such password would open what another one closed.
func newPassword(text string) (password, error) {
	if !utf8.ValidString(text) {
		return password{}, refuse(ErrPassword, "not UTF-8")
	}
	bmp, ok := ucs2(text)
	if !ok {
		return password{}, refuse(ErrPassword, "characters outside the Basic Multilingual Plane")
	}
	return password{text, append(bmp, 0, 0)}, nil
}

// ucs2 is the content of a BMPString.
func ucs2(s string) ([]byte, bool) {
	units := utf16.Encode([]rune(s))
	b := make([]byte, 0, 2*len(units)+2)
	for _, u := range units {
		if utf16.IsSurrogate(rune(u)) {
			return nil, false
		}
		b = append(b, byte(u>>8), byte(u))
	}
	return b, true
}

// verify checks the MAC and returns the password in the form that fits: for
// the empty one some writers leave the two zero bytes out.
func (m *macData) verify(pw password, content []byte, left *budget) (password, error) {
	candidates := []password{pw}
	if pw.text == "" && m.Mac.Algorithm.Algorithm.String() != oidPBMAC1 { // where both are the same
		candidates = append(candidates, password{})
	}
	for _, pw := range candidates {
		if err := left.spendMAC(m); err != nil {
			return pw, err
		}
		sum, err := m.sum(pw, content)
		if err != nil {
			return pw, err
		}
		if hmac.Equal(sum, m.Mac.Digest) {
			return pw, nil
		}
	}
	return pw, refuse(ErrPassword, "it does not match, or the keystore is damaged")
}

// sum computes the MAC (RFC 7292 §5.1 step 7, RFC 9579 for PBMAC1).
func (m *macData) sum(pw password, content []byte) ([]byte, error) {
	if m.Mac.Algorithm.Algorithm.String() == oidPBMAC1 {
		return m.sumPBMAC1(pw, content)
	}
	h, err := m.hash()
	if err != nil {
		return nil, err
	}
	return hmacSum(h, macKey(h, m.Salt, pw.bmp, m.Iterations), content), nil
}

// hash is that of a MAC other than PBMAC1.
func (m *macData) hash() (crypto.Hash, error) {
	switch m.Mac.Algorithm.Algorithm.String() {
	case oidSHA1:
		return crypto.SHA1, nil
	case oidSHA256:
		return crypto.SHA256, nil
	case oidSHA384:
		return crypto.SHA384, nil
	case oidSHA512:
		return crypto.SHA512, nil
	}
	return 0, refuse(keys.ErrUnsupported, "MAC algorithm")
}

// macKey derives a MAC key (RFC 7292 appendix B.2, ID 3). The key is as long
// as the hash, so one round of step 6 makes it and the arithmetic of its
// parts B and C never happens.
func macKey(hash crypto.Hash, salt, password []byte, iterations int) []byte {
	h := hash.New()
	block := h.BlockSize()
	h.Write(bytes.Repeat([]byte{3}, block))
	h.Write(repeat(salt, block))
	h.Write(repeat(password, block))
	sum := h.Sum(nil)
	for range iterations - 1 {
		h.Reset()
		h.Write(sum)
		sum = h.Sum(sum[:0])
	}
	return sum
}

// repeat fills whole blocks with copies of b.
func repeat(b []byte, block int) []byte {
	size := (len(b) + block - 1) / block * block
	out := make([]byte, size)
	for i := range out {
		out[i] = b[i%len(b)]
	}
	return out
}

func (m *macData) sumPBMAC1(pw password, content []byte) ([]byte, error) {
	kdf, mac, err := m.pbmac1()
	if err != nil {
		return nil, err
	}
	prf, known := hmacHash(kdf.PRF)
	h, alsoKnown := hmacHash(mac)
	if !known || !alsoKnown {
		return nil, refuse(keys.ErrUnsupported, "hash of PBMAC1")
	}
	key, err := pbkdf2.Key(prf.New, pw.text, kdf.Salt, kdf.Iterations, kdf.KeyLength)
	if err != nil {
		return nil, refuse(keys.ErrUnsupported, "key derivation of PBMAC1")
	}
	return hmacSum(h, key, content), nil
}

// pbmac1 returns the parameters of a PBMAC1 (RFC 9579 §4). A short key would
// let anyone find an archive with a valid MAC (RFC 9579 §5), and none needs a
// long one.
func (m *macData) pbmac1() (kdf pbkdf2Params, mac pkix.AlgorithmIdentifier, err error) {
	var params struct{ KDF, MAC pkix.AlgorithmIdentifier }
	if err = unmarshal(m.Mac.Algorithm.Parameters.FullBytes, &params); err == nil {
		kdf, err = parsePBKDF2(params.KDF)
	}
	if err == nil && (kdf.KeyLength < 20 || kdf.KeyLength > 64) {
		err = refuse(keys.ErrUnsupported, "key length of PBMAC1")
	}
	return kdf, params.MAC, err
}

func hmacHash(a pkix.AlgorithmIdentifier) (crypto.Hash, bool) {
	switch a.Algorithm.String() {
	case oidHMACSHA1, "": // SHA-1 is the default of PBKDF2-params
		return crypto.SHA1, true
	case oidHMACSHA256:
		return crypto.SHA256, true
	case oidHMACSHA384:
		return crypto.SHA384, true
	case oidHMACSHA512:
		return crypto.SHA512, true
	}
	return 0, false
}

func hmacSum(h crypto.Hash, key, content []byte) []byte {
	mac := hmac.New(h.New, key)
	mac.Write(content)
	return mac.Sum(nil)
}
