package helseidtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha512" // the hash of the 384 and 512 algorithms
	"math/big"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

const maxJWS = 16 << 10

// jws is a parsed compact JWS that is not verified yet.
type jws struct {
	header struct {
		Alg  string          `json:"alg"`
		Typ  string          `json:"typ"`
		Kid  string          `json:"kid"`
		JWK  json.RawMessage `json:"jwk"`
		Crit json.RawMessage `json:"crit"`
		B64  json.RawMessage `json:"b64"`
	}
	payload   []byte
	signed    string // the first two parts
	signature []byte
}

func parseJWS(compact string) (*jws, bool) {
	last := strings.LastIndexByte(compact, '.')
	if last < 0 || len(compact) > maxJWS {
		return nil, false
	}
	var t jws
	t.signed = compact[:last]
	first, second, ok := strings.Cut(t.signed, ".")
	header, okHeader := decode(first)
	var okPayload, okSignature bool
	t.payload, okPayload = decode(second) // fails on a third dot
	t.signature, okSignature = decode(compact[last+1:])
	if !ok || !okHeader || !okPayload || !okSignature {
		return nil, false
	}
	// No extension is supported, so none may be critical (RFC 7515 §4.1.11).
	if json.Unmarshal(header, &t.header) != nil || t.header.Crit != nil || t.header.B64 != nil {
		return nil, false
	}
	return &t, true
}

// fits reports whether HelseID accepts alg and it is for keys like key.
func fits(alg string, key crypto.PublicKey) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		switch alg {
		case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
			return true
		}
	case *ecdsa.PublicKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return alg == "ES256"
		case 384:
			return alg == "ES384"
		case 521:
			return alg == "ES512"
		}
	}
	return false
}

// allowed reports whether the header's alg may be used with k.
func (t *jws) allowed(k *publicKey) bool {
	return fits(t.header.Alg, k.key) && (k.alg == "" || k.alg == t.header.Alg)
}

// verify checks the signature by k. The alg must be allowed.
func (t *jws) verify(k *publicKey) bool {
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[t.header.Alg[2:]]
	h := hash.New()
	h.Write([]byte(t.signed))
	digest := h.Sum(nil)
	switch key := k.key.(type) {
	case *rsa.PublicKey:
		if t.header.Alg[0] == 'P' {
			return rsa.VerifyPSS(key, hash, digest, t.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(key, hash, digest, t.signature) == nil
	case *ecdsa.PublicKey:
		size := (key.Curve.Params().BitSize + 7) / 8
		if len(t.signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(t.signature[:size]), new(big.Int).SetBytes(t.signature[size:])
		return ecdsa.Verify(key, digest, r, s)
	}
	return false
}
