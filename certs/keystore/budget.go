package keystore

import (
	"crypto"
	"crypto/x509/pkix"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

// maxHashes bounds the work that one archive may ask of its reader, all of its
// derivations together, in runs of SHA-256: about half a second.
// An archive of OpenSSL asks for 10 thousand, one of keytool for 50 thousand,
// one of an old Java for 350 thousand and 150 thousand for each further key.
const maxHashes = 4_000_000

// budget is what is left of maxHashes. By hand because go-pkcs12 v0.7.4 has no
// limit on iterations.
type budget int

// spend takes the cost of one derivation from the budget: each iteration runs
// the hash perIteration times.
func (b *budget) spend(iterations, perIteration int, h crypto.Hash) error {
	if iterations < 1 {
		return refuse(keys.ErrMalformed, "iteration count")
	}
	if h.Size() > crypto.SHA256.Size() { // which processors have no instructions for
		perIteration *= 3
	}
	if iterations > int(*b)/perIteration {
		return refuse(keys.ErrTooLarge, "the archive asks for more than 4 000 000 runs of a hash")
	}
	*b -= budget(iterations * perIteration)
	return nil
}

// spendPBKDF2 is spend for RFC 8018 §5.2: every block of the output takes all
// of the iterations, and an HMAC hashes twice.
func (b *budget) spendPBKDF2(kdf pbkdf2Params, keyLength int) error {
	prf, known := hmacHash(kdf.PRF)
	if !known {
		return refuse(keys.ErrUnsupported, "hash of a key derivation")
	}
	return b.spend(kdf.Iterations, 2*blocks(keyLength, prf), prf)
}

// spendMAC takes the cost of one try of a password.
func (b *budget) spendMAC(m *macData) error {
	if m.Mac.Algorithm.Algorithm.String() != oidPBMAC1 {
		h, err := m.hash()
		if err != nil {
			return err
		}
		return b.spend(m.Iterations, 1, h)
	}
	kdf, _, err := m.pbmac1()
	if err != nil {
		return err
	}
	return b.spendPBKDF2(kdf, kdf.KeyLength)
}

// spendPBE takes the cost of one decryption.
func (b *budget) spendPBE(a pkix.AlgorithmIdentifier) error {
	switch id := a.Algorithm.String(); {
	case strings.HasPrefix(id, oidLegacyPBE):
		var params struct {
			Salt       []byte
			Iterations int
		}
		if err := unmarshal(a.Parameters.FullBytes, &params); err != nil {
			return err
		}
		// Two SHA-1 for the 24 bytes of a 3DES key, one for the vector.
		return b.spend(params.Iterations, 3, crypto.SHA1)
	case id == oidPBES2:
		var params pbes2Params
		if err := unmarshal(a.Parameters.FullBytes, &params); err != nil {
			return err
		}
		kdf, err := parsePBKDF2(params.KDF)
		if err != nil {
			return err
		}
		return b.spendPBKDF2(kdf, maxCipherKey)
	}
	return refuse(keys.ErrUnsupported, "encryption of a PKCS#12 content")
}

// maxCipherKey is the length of the longest key of a PBES2 cipher, AES-256,
// in bytes. The length that an archive declares is not what is derived.
const maxCipherKey = 32

func blocks(length int, h crypto.Hash) int { return (length + h.Size() - 1) / h.Size() }

func parsePBKDF2(a pkix.AlgorithmIdentifier) (params pbkdf2Params, err error) {
	if a.Algorithm.String() != oidPBKDF2 {
		return params, refuse(keys.ErrUnsupported, "key derivation other than PBKDF2")
	}
	return params, unmarshal(a.Parameters.FullBytes, &params)
}
