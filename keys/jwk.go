package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
)

// MarshalJSON returns the public JWK (RFC 7517 §4) with "alg", "kid", "use"
// (always "sig") and, when there are certificates, "x5c" and "x5t#S256"; null
// for the zero PublicKey.
func (p PublicKey) MarshalJSON() ([]byte, error) {
	if p.key == nil {
		return []byte("null"), nil
	}
	return append(p.appendMembers(make([]byte, 0, 512)), '}'), nil
}

// UnmarshalJSON reads a public JWK like [ParsePublic].
func (p *PublicKey) UnmarshalJSON(data []byte) error {
	parsed, err := ParsePublic(data, Options{})
	if err != nil {
		return err
	}
	*p = *parsed
	return nil
}

// JWK returns the public JWK, one line of JSON.
func (p *PublicKey) JWK() []byte {
	b, _ := p.MarshalJSON()
	return b
}

// appendMembers writes the public members without the closing brace.
func (p *PublicKey) appendMembers(b []byte) []byte {
	b = append(b, p.minimal[:len(p.minimal)-1]...)
	b = append(b, `,"alg":"`...)
	b = append(b, p.alg...)
	b = append(b, `","use":"sig","kid":`...)
	b = appendString(b, p.kid)
	if len(p.certs) > 0 {
		b = appendCertificates(b, p.certs)
	}
	return b
}

// PrivateJWK returns the private JWK (RFC 7517 §4, RFC 7518 §6) in one line
// of JSON: the secret itself. A key that lives in an HSM or KMS has none:
// [ErrNoPrivateKey].
func (k *Key) PrivateJWK() ([]byte, error) {
	signer := k.Signer()
	if signer == nil || k.foreign {
		return nil, refuse(ErrNoPrivateKey, noExport)
	}
	b := k.public.appendMembers(make([]byte, 0, 512))
	member := func(name string, value []byte) {
		b = append(b, `,"`...)
		b = append(b, name...)
		b = append(b, `":"`...)
		b = base64.RawURLEncoding.AppendEncode(b, value)
		b = append(b, '"')
	}
	switch s := signer.(type) {
	case *ecdsa.PrivateKey:
		d, err := s.Bytes()
		if err != nil {
			return nil, refuse(ErrInconsistent, "EC private part out of range")
		}
		member("d", d)
	case ed25519.PrivateKey:
		member("d", s.Seed())
	case *rsa.PrivateKey:
		p, q := s.Primes[0], s.Primes[1] // exactly two: checkPrivateRSA
		dp, dq, qi := crt(s.D, p, q)
		b = slices.Grow(b, 5*s.Size()) // d and five of half its length, in base64
		member("d", s.D.Bytes())
		member("p", p.Bytes())
		member("q", q.Bytes())
		member("dp", dp.Bytes())
		member("dq", dq.Bytes())
		member("qi", qi.Bytes())
	}
	return append(b, '}'), nil
}

const noExport = "there is none, or it does not leave its device"

// crt returns d mod p-1, d mod q-1 and 1/q mod p (RFC 8017 §3.2).
func crt(d, p, q *big.Int) (dp, dq, qi *big.Int) {
	one := big.NewInt(1)
	dp = new(big.Int).Mod(d, new(big.Int).Sub(p, one))
	dq = new(big.Int).Mod(d, new(big.Int).Sub(q, one))
	return dp, dq, new(big.Int).ModInverse(q, p)
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
