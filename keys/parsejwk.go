package keys

import (
	"crypto"
	"encoding/base64"
	"math/big"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json" // strict: case-sensitive, no duplicate members
)

// members are what the rules look at before go-jose builds a key.
type members struct {
	Kty    string   `json:"kty"`
	Use    *string  `json:"use"`
	KeyOps []string `json:"key_ops"`
	Alg    *string  `json:"alg"`
	Kid    *string  `json:"kid"`
	Crv    string   `json:"crv"`
	X      string   `json:"x"`
	Y      string   `json:"y"`
	N      string   `json:"n"`
	E      string   `json:"e"`
	D      *string  `json:"d"`
	P      *string  `json:"p"`
	Q      *string  `json:"q"`
	Dp     *string  `json:"dp"`
	Dq     *string  `json:"dq"`
	Qi     *string  `json:"qi"`
	K      *string  `json:"k"`
	Oth    any      `json:"oth"`
	Keys   *[]json.RawMessage
}

func (m *members) private() bool {
	return m.D != nil || m.P != nil || m.Q != nil || m.Dp != nil || m.Dq != nil || m.Qi != nil || m.K != nil || m.Oth != nil
}

// parseJSONKey reads a private JWK, or the one private signing key of a JWKS.
func parseJSONKey(data []byte, o Options) (*Key, error) {
	var m members
	if json.Unmarshal(data, &m) != nil {
		return nil, refuse(ErrMalformed, "not a JSON object with JWK members of the right types, each once")
	}
	if m.Kty == "" {
		return parseSetKey(data, o)
	}
	jwk, o, err := m.decode(data, o)
	if err != nil {
		return nil, err
	}
	signer, ok := jwk.Key.(crypto.Signer)
	if !ok {
		return nil, refuse(ErrNoPrivateKey, "the JWK holds a public key")
	}
	return New(signer, o)
}

// parseJSONPublic reads a public JWK, or the one key of a JWKS.
func parseJSONPublic(data []byte, o Options) (*PublicKey, error) {
	var m members
	if json.Unmarshal(data, &m) != nil {
		return nil, refuse(ErrMalformed, "not a JSON object with JWK members of the right types, each once")
	}
	if m.Kty == "" {
		set, err := ParseSet(data)
		if err != nil {
			return nil, err
		}
		switch len(set.Keys) {
		case 0:
			return nil, refuse(ErrUnsupported, "no usable signing key in the JWKS")
		case 1:
			return set.Keys[0], nil
		}
		return nil, refuse(ErrAmbiguous, "the JWKS holds several")
	}
	if m.private() {
		return nil, refuse(ErrPrivateKey, "the JWK holds private members")
	}
	jwk, o, err := m.decode(data, o)
	if err != nil {
		return nil, err
	}
	return NewPublicKey(jwk.Key, o)
}

// parseSetKey finds the one private signing key in a JWKS.
func parseSetKey(data []byte, o Options) (*Key, error) {
	raws, err := splitSet(data)
	if err != nil {
		return nil, err
	}
	var found *Key
	var last error = refuse(ErrNoPrivateKey, "the JWKS holds none")
	for _, raw := range raws {
		k, err := parseSetMember(raw, o)
		if err != nil {
			last = err
			continue
		}
		if found != nil {
			return nil, refuse(ErrAmbiguous, "the JWKS holds several private keys")
		}
		found = k
	}
	if found == nil {
		return nil, last
	}
	return found, nil
}

func parseSetMember(raw []byte, o Options) (*Key, error) {
	var m members
	if json.Unmarshal(raw, &m) != nil || m.Kty == "" {
		return nil, refuse(ErrMalformed, "a member of the JWKS is not a JWK")
	}
	return parseJSONKey(raw, o)
}

// decode checks every rule that can be checked on the text and lets go-jose
// build the key. The options it returns carry the JWK's own alg, kid and x5c
// where o is silent. go-jose's errors may quote the input and are dropped.
func (m *members) decode(data []byte, o Options) (*jose.JSONWebKey, Options, error) {
	if err := m.check(); err != nil {
		return nil, o, err
	}
	var jwk jose.JSONWebKey
	if jwk.UnmarshalJSON(data) != nil {
		if m.Kty == "EC" || m.Kty == "OKP" {
			return nil, o, refuse(ErrInvalidPoint, "coordinates or private part do not fit the curve")
		}
		return nil, o, refuse(ErrInconsistent, "members are missing or do not belong together")
	}
	if o.Algorithm == "" && m.Alg != nil {
		o.Algorithm = Algorithm(*m.Alg)
	}
	if o.KeyID == "" && m.Kid != nil {
		o.KeyID = *m.Kid
	}
	if o.Certificates == nil {
		o.Certificates = jwk.Certificates
	}
	return &jwk, o, nil
}

func (m *members) check() error {
	switch m.Kty {
	case "EC", "RSA", "OKP":
	case "oct":
		return refuse(ErrUnsupported, "kty oct is a shared secret, not a key pair")
	default:
		return refuse(ErrUnsupported, "kty")
	}
	if m.Use != nil && *m.Use != "sig" {
		return refuse(ErrNotSigning, "use is not sig")
	}
	if m.KeyOps != nil && !slices.Contains(m.KeyOps, "sign") && !slices.Contains(m.KeyOps, "verify") {
		return refuse(ErrNotSigning, "key_ops has neither sign nor verify")
	}
	if m.Alg != nil && Algorithm(*m.Alg).method().scheme == schemeNone {
		return refuse(ErrUnsupported, "alg")
	}
	for _, s := range []*string{&m.X, &m.Y, &m.N, &m.E, m.D, m.P, m.Q, m.Dp, m.Dq, m.Qi} {
		if s != nil && !strictBase64URL(*s) {
			return refuse(ErrMalformed, "a member is not unpadded base64url")
		}
	}
	if m.Kty != "RSA" {
		return nil
	}
	// Before any arithmetic: the cost of RSA grows with the cube of its size.
	n, _ := base64.RawURLEncoding.DecodeString(m.N)
	e, _ := base64.RawURLEncoding.DecodeString(m.E)
	if len(e) > 8 {
		return refuse(ErrWeak, "RSA exponent over 2^31-1")
	}
	if m.Oth != nil {
		return refuse(ErrUnsupported, "RSA key with more than two primes")
	}
	if exp := new(big.Int).SetBytes(e); exp.IsInt64() {
		return checkRSA(new(big.Int).SetBytes(n), exp.Int64())
	}
	return refuse(ErrWeak, "RSA exponent over 2^31-1")
}

// strictBase64URL refuses padding, line ends, the standard alphabet and
// non-zero tail bits, so that one key has one spelling.
func strictBase64URL(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && base64.RawURLEncoding.EncodedLen(len(b)) == len(s)
}
