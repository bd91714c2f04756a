package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"
	"slices"
)

// parseJSONKey reads a private JWK, or the one private signing key of a JWKS.
func parseJSONKey(data []byte, o Options) (*Key, error) {
	m := readMembers(data)
	if m.isSet() {
		return parseSetKey(data, o)
	}
	return m.key(o)
}

// parseJSONPublic reads a public JWK, or the one key of a JWKS.
func parseJSONPublic(data []byte, o Options) (*PublicKey, error) {
	m := readMembers(data)
	if !m.isSet() {
		return m.publicKey(o)
	}
	set, err := parseSet(data, o)
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

func (m *members) isSet() bool { return m.has("keys") && !m.has("kty") }

// key returns the private key of a JWK.
func (m *members) key(o Options) (*Key, error) {
	pub := m.material()
	o = m.options(o, pub, "sign")
	if m.err == nil && !m.has("d") {
		m.fail(ErrNoPrivateKey, "the JWK holds a public key")
	}
	signer := m.signer(pub)
	if m.err != nil {
		return nil, m.err
	}
	return newKey(signer, false, o) // not New: that the parts belong together has been seen
}

// publicKey returns the key of a public JWK.
func (m *members) publicKey(o Options) (*PublicKey, error) {
	if m.hasPrivate() {
		return nil, refuse(ErrPrivateKey, "the JWK holds private or symmetric members")
	}
	pub := m.material()
	o = m.options(o, pub, "verify")
	if m.err != nil {
		return nil, m.err
	}
	return NewPublicKey(pub, o)
}

// options refuses a JWK whose "use", "key_ops" (RFC 7517 §4.2, §4.3), "alg" or
// certificate contradict a signing key that does op, and returns its own
// alg, kid and x5c where o is silent.
func (m *members) options(o Options, pub crypto.PublicKey, op string) Options {
	if m.has("use") && m.text("use") != "sig" {
		m.fail(ErrNotSigning, "use is not sig")
	}
	if ops := m.list("key_ops"); len(ops) > 0 { // .NET writes [] for none
		slices.Sort(ops)
		both := []string{"sign", "verify"}
		if !slices.Equal(ops, []string{op}) && !slices.Equal(ops, both) {
			m.fail(ErrNotSigning, "key_ops must be "+op+", with at most sign and verify together")
		}
	}
	alg := algorithmOf(m.text("alg"))
	if m.has("alg") && alg.method().scheme == schemeNone {
		m.fail(ErrUnsupported, "alg is not an asymmetric signature algorithm")
	}
	if m.has("alg") && !alg.fits(pub) {
		m.fail(ErrInconsistent, "alg is not one of this type of key")
	}
	certs := m.certificates()
	if len(certs) > 0 && !samePublic(certs[0].PublicKey, pub) {
		m.fail(ErrInconsistent, "the certificate in x5c is for another key")
	}
	if o.Algorithm == "" {
		o.Algorithm = alg
	}
	if kid := m.text("kid"); o.KeyID == "" {
		o.KeyID = kid
	}
	if o.Certificates == nil {
		o.Certificates = certs
	}
	return o
}

// material returns the public key itself, nil when a rule is broken.
func (m *members) material() crypto.PublicKey {
	kty := m.text("kty")
	switch {
	case m.err != nil:
	case !m.has("kty"):
		m.fail(ErrMalformed, "neither a JWK (no kty) nor a JWKS (no keys)")
	case m.has("keys"):
		m.fail(ErrMalformed, "both a JWK (kty) and a JWKS (keys)")
	case kty == "RSA":
		return m.rsaKey()
	case kty == "EC":
		return m.ecKey()
	case kty == "OKP":
		return m.okpKey()
	case kty == "oct":
		m.fail(ErrUnsupported, "kty oct is a shared secret, not a key pair")
	default:
		m.fail(ErrUnsupported, "kty")
	}
	return nil
}

func (m *members) rsaKey() crypto.PublicKey {
	if !m.need("n", "e") {
		return nil
	}
	n, e := m.octets("n"), m.octets("e")
	if m.err != nil {
		return nil
	}
	if len(n) == 0 || len(e) == 0 || n[0] == 0 || e[0] == 0 {
		m.fail(ErrMalformed, "n or e is empty or padded with zeros (RFC 7518 section 2)")
		return nil
	}
	// Before any arithmetic: the cost of RSA grows with the cube of its size.
	exp := new(big.Int).SetBytes(e)
	if !exp.IsInt64() {
		exp.SetInt64(0) // as unusable as the one that does not fit
	}
	mod := new(big.Int).SetBytes(n)
	if err := checkRSA(mod, exp.Int64()); err != nil {
		m.err = err
		return nil
	}
	return &rsa.PublicKey{N: mod, E: int(exp.Int64())}
}

func (m *members) ecKey() crypto.PublicKey {
	if !m.need("crv", "x", "y") {
		return nil
	}
	curve := curveOf(m.text("crv"))
	if curve == nil {
		m.fail(ErrUnsupported, "crv")
		return nil
	}
	x, y := m.octets("x"), m.octets("y")
	if size := (curve.Params().BitSize + 7) / 8; m.err == nil && (len(x) != size || len(y) != size) {
		m.fail(ErrInvalidPoint, "x or y does not have the length of the curve (RFC 7518 section 6.2.1.2)")
	}
	if m.err != nil {
		return nil
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		m.fail(ErrInvalidPoint, "the point is not on the curve")
		return nil
	}
	return pub
}

func (m *members) okpKey() crypto.PublicKey {
	if !m.need("crv", "x") {
		return nil
	}
	if m.text("crv") != "Ed25519" {
		m.fail(ErrUnsupported, "crv")
		return nil
	}
	x := m.octets("x")
	if m.err == nil && len(x) != ed25519.PublicKeySize {
		m.fail(ErrInvalidPoint, "an Ed25519 key has 32 bytes")
	}
	return ed25519.PublicKey(x)
}
