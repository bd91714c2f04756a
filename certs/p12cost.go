package certs

import (
	"crypto/x509/pkix"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

// maxIterations bounds the key derivations that one archive may ask for, all
// of them together: about a second of work. OpenSSL writes 3 x 2048, Java up
// to 200 000 per key in its old form.
const maxIterations = 2_000_000

// budget is what is left of maxIterations.
type budget int

func (b *budget) spend(iterations int) error {
	if iterations < 1 {
		return refuse(keys.ErrMalformed, "iteration count")
	}
	if iterations > int(*b) {
		return refuse(keys.ErrTooLarge, "the archive asks for more than 2 000 000 iterations")
	}
	*b -= budget(iterations)
	return nil
}

// spendMAC and spendPBE take the cost of one derivation from the budget.
func (b *budget) spendMAC(m *macData) error {
	if m.Mac.Algorithm.Algorithm.String() != oidPBMAC1 {
		return b.spend(m.Iterations)
	}
	kdf, _, err := m.pbmac1()
	if err != nil {
		return err
	}
	return b.spend(kdf.Iterations)
}

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
		return b.spend(params.Iterations)
	case id == oidPBES2:
		var params struct{ KDF, Cipher pkix.AlgorithmIdentifier }
		if err := unmarshal(a.Parameters.FullBytes, &params); err != nil {
			return err
		}
		kdf, err := parsePBKDF2(params.KDF)
		if err != nil {
			return err
		}
		return b.spend(kdf.Iterations)
	}
	return refuse(keys.ErrUnsupported, "encryption of a PKCS#12 content")
}

func parsePBKDF2(a pkix.AlgorithmIdentifier) (params pbkdf2Params, err error) {
	if a.Algorithm.String() != oidPBKDF2 {
		return params, refuse(keys.ErrUnsupported, "key derivation other than PBKDF2")
	}
	return params, unmarshal(a.Parameters.FullBytes, &params)
}
