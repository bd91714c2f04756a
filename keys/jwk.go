package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
)

// MarshalJSON returns the public JWK (RFC 7517 §4) with "alg", "kid", "use"
// (always "sig") and, when there are certificates, "x5c" and "x5t#S256".
func (p *PublicKey) MarshalJSON() ([]byte, error) {
	return append(p.appendMembers(make([]byte, 0, 512)), '}'), nil
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
	b := k.public.appendMembers(make([]byte, 0, 4096))
	member := func(name string, value []byte) {
		b = append(b, `,"`...)
		b = append(b, name...)
		b = append(b, `":"`...)
		b = base64.RawURLEncoding.AppendEncode(b, value)
		b = append(b, '"')
	}
	switch s := k.signer.(type) {
	case *ecdsa.PrivateKey:
		d, err := s.Bytes()
		if err != nil {
			return nil, refuse(ErrInconsistent, "EC private part out of range")
		}
		member("d", d)
	case ed25519.PrivateKey:
		member("d", s.Seed())
	case *rsa.PrivateKey:
		if len(s.Primes) != 2 {
			return nil, refuse(ErrUnsupported, "RSA key with other than two primes")
		}
		p, q := s.Primes[0], s.Primes[1]
		one := big.NewInt(1)
		member("d", s.D.Bytes())
		member("p", p.Bytes())
		member("q", q.Bytes())
		member("dp", new(big.Int).Mod(s.D, new(big.Int).Sub(p, one)).Bytes())
		member("dq", new(big.Int).Mod(s.D, new(big.Int).Sub(q, one)).Bytes())
		member("qi", new(big.Int).ModInverse(q, p).Bytes())
	default:
		return nil, refuse(ErrNoPrivateKey, "the key does not leave its device")
	}
	return append(b, '}'), nil
}

// signatureSize is the length in bytes of a JWS signature by this key.
func (p *PublicKey) signatureSize() int {
	switch k := p.key.(type) {
	case *rsa.PublicKey:
		return k.Size()
	case *ecdsa.PublicKey:
		return 2 * ((k.Curve.Params().BitSize + 7) / 8)
	}
	return ed25519.SignatureSize
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
