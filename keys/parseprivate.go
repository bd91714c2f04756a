package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"
)

// signer returns the private key of a JWK whose public part is pub; nil when
// a rule is broken.
func (m *members) signer(pub crypto.PublicKey) crypto.Signer {
	d := m.octets("d")
	if m.err != nil {
		return nil
	}
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		k, err := ecdsa.ParseRawPrivateKey(pub.Curve, d)
		if err != nil {
			m.fail(ErrInconsistent, "d does not have the length of the curve or is out of its range")
			return nil
		}
		return m.paired(k, pub)
	case ed25519.PublicKey:
		if len(d) != ed25519.SeedSize {
			m.fail(ErrInconsistent, "d of an Ed25519 key has 32 bytes")
			return nil
		}
		return m.paired(ed25519.NewKeyFromSeed(d), pub)
	case *rsa.PublicKey:
		return m.rsaSigner(pub, d)
	}
	return nil
}

func (m *members) paired(k crypto.Signer, pub crypto.PublicKey) crypto.Signer {
	if !samePublic(k.Public(), pub) {
		m.fail(ErrInconsistent, "d does not belong to the public members")
		return nil
	}
	return k
}

// rsaSigner needs the primes: crypto/rsa takes no key without them, though
// RFC 7518 §6.3.2 lets a JWK leave them out. Leading zeros are taken here, for
// .NET pads the private integers; no thumbprint depends on them.
func (m *members) rsaSigner(pub *rsa.PublicKey, d []byte) crypto.Signer {
	private := make(map[string]*big.Int)
	for _, name := range []string{"p", "q", "dp", "dq", "qi"} {
		b := m.octets(name)
		if max(len(b), len(d)) > pub.Size() {
			m.fail(ErrInconsistent, "a private member is longer than the modulus")
			return nil
		}
		private[name] = new(big.Int).SetBytes(b)
	}
	switch {
	case m.err != nil:
		return nil
	case !m.has("p") || !m.has("q"):
		m.fail(ErrMissing, "p or q; crypto/rsa does not sign without the primes")
		return nil
	case m.hasMorePrimes():
		m.fail(ErrUnsupported, "RSA private key with more than two primes")
		return nil
	}
	p, q := private["p"], private["q"]
	k := &rsa.PrivateKey{PublicKey: *pub, D: new(big.Int).SetBytes(d), Primes: []*big.Int{p, q}}
	k.Precompute()
	if k.Validate() != nil {
		m.fail(ErrInconsistent, "n, e, d, p and q do not belong together")
		return nil
	}
	dp, dq, qi := crt(k.D, p, q)
	for name, want := range map[string]*big.Int{"dp": dp, "dq": dq, "qi": qi} {
		if m.has(name) && private[name].Cmp(want) != 0 {
			m.fail(ErrInconsistent, "dp, dq or qi does not belong to the other members")
			return nil
		}
	}
	return k
}
