package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

// newKey holds the options by which a key is made.
type newKey struct {
	algorithm string
	size      int
}

// defaultKey is what FHI's tool makes: RSA of 4096 bits, used with SHA-512.
func defaultKey() newKey { return newKey{algorithm: string(keys.RS512)} }

func (n *newKey) declare(o *options) {
	o.text(&n.algorithm, "Algorithm", "alg", "RS256 to RS512 (default RS512), PS256 to PS512, ES256 to ES512, EdDSA (not at HelseID)")
	o.number(&n.size, "KeySize", "ks", "bits of an RSA key, 2048 to 8192 (default 4096)")
}

func (n *newKey) make() (*keys.Key, error) {
	for _, alg := range []keys.Algorithm{keys.RS256, keys.RS384, keys.RS512, keys.PS256, keys.PS384, keys.PS512} {
		if strings.EqualFold(n.algorithm, string(alg)) {
			if n.size == 0 {
				return keys.Generate(alg)
			}
			key, err := keys.GenerateRSA(alg, n.size)
			if err != nil {
				err = fmt.Errorf("--KeySize: %w", err)
			}
			return key, err
		}
	}
	for _, alg := range []keys.Algorithm{keys.ES256, keys.ES384, keys.ES512, keys.EdDSA} {
		if strings.EqualFold(n.algorithm, string(alg)) {
			if n.size != 0 {
				return nil, errors.New("--KeySize is for RSA; the other algorithms have one size each")
			}
			return keys.Generate(alg)
		}
	}
	return nil, errors.New("--Algorithm is RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA")
}
