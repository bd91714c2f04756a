package dpop

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/internal/jws"
	"github.com/nokkel/nokkel/internal/strictjson"
	"github.com/nokkel/nokkel/keys"
)

// The bounds of a proof, checked before any arithmetic: a failed
// verification by RSA costs 0.8 ms with 4096 bits and 11 ms with 16384.
const (
	maxProof   = 8 << 10 // bytes; one by RSA-4096 has 2 KiB
	maxRSABits = 4096
)

// parsedProof is a proof whose signature is not verified yet.
type parsedProof struct {
	jws.Token
	alg    keys.Algorithm
	key    *keys.PublicKey
	claims claims
}

// verify reports whether the key in the proof signed it.
func (p *parsedProof) verify() bool {
	return jws.Verify(p.key.Public(), p.alg, p.Signed, p.Signature)
}

func oneProof(proofs []string) (string, error) {
	switch {
	case len(proofs) == 0 || len(proofs) == 1 && proofs[0] == "":
		return "", refuseProof(ErrProofMissing, "")
	case len(proofs) > 1:
		return "", refuseProof(ErrProofMany, "")
	case len(proofs[0]) > maxProof:
		return "", refuseProof(ErrProofTooLarge, "over 8 KiB")
	case strings.Contains(proofs[0], ","): // how a proxy may join two fields
		return "", refuseProof(ErrProofMany, "")
	}
	return proofs[0], nil
}

// parse reads a proof, without checking who made it or what for.
func (v *Verifier) parse(compact string) (*parsedProof, error) {
	t, ok := jws.Parse(compact)
	if !ok {
		return nil, refuseProof(ErrProofMalformed, "not three parts of unpadded base64url")
	}
	h, err := readHeader(t.Header)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(v.algorithms(), h.alg) {
		return nil, refuseProof(ErrProofAlgorithm, "")
	}
	key, err := readKey(h.jwk, h.alg)
	if err != nil {
		return nil, err
	}
	c, err := readClaims(t.Payload)
	if err != nil {
		return nil, err
	}
	return &parsedProof{t, h.alg, key, c}, nil
}

type proofHeader struct {
	alg keys.Algorithm
	jwk []byte
}

// readHeader reads the protected header. It ignores unknown members (RFC 7515
// §4), "jku", "x5u" and "x5c" among them.
func readHeader(text []byte) (h proofHeader, err error) {
	var typ []byte
	ok := strictjson.Object(text, func(name, value []byte) bool {
		good := true
		switch string(name) {
		case "typ":
			typ, good = strictjson.Bytes(value)
		case "alg":
			var alg string
			alg, good = strictjson.Text(value)
			h.alg = keys.Algorithm(alg)
		case "jwk":
			h.jwk, good = value, value[0] == '{'
		case "kid":
			_, good = strictjson.Bytes(value)
		case "crit", "b64":
			err, good = refuseProof(ErrProofCritical, ""), false
		default:
			good = !otherSpelling(name, "typ", "alg", "jwk", "kid", "crit", "b64")
		}
		return good
	})
	switch {
	case err != nil:
	case !ok:
		err = refuseProof(ErrProofMalformed, "the header is not one JSON object with each member once, in the right case and of its type")
	case string(typ) != "dpop+jwt":
		err = refuseProof(ErrProofType, "")
	case h.alg == "":
		err = refuseProof(ErrProofAlgorithm, "there is none")
	case h.jwk == nil:
		err = refuseProof(ErrProofKey, "there is none")
	}
	return h, err
}

// otherSpelling reports whether a parser that ignores case takes the name for a
// known one, where this one would not see it.
func otherSpelling(name []byte, known ...string) bool {
	for _, k := range known {
		if len(name) >= len(k) && bytes.EqualFold(name, []byte(k)) {
			return true
		}
	}
	return false
}

// readKey reads the "jwk" of a proof for use with alg.
func readKey(jwk []byte, alg keys.Algorithm) (*keys.PublicKey, error) {
	if isSet(jwk) {
		return nil, refuseProof(ErrProofKey, "it is a JWK Set")
	}
	key, err := keys.ParsePublic(jwk, keys.Options{})
	if err != nil {
		return nil, &ProofError{Rule: ErrProofKey, Detail: strings.TrimPrefix(err.Error(), "keys: "), cause: err}
	}
	modulus, isRSA := key.Public().(*rsa.PublicKey)
	if !jws.Fits(alg, key.Public()) || isRSA && !named(jwk, alg) {
		return nil, refuseProof(ErrProofAlgorithm, "it does not fit the key in jwk")
	}
	if isRSA && modulus.N.BitLen() > maxRSABits {
		return nil, refuseProof(ErrProofKey, "RSA over 4096 bits")
	}
	return key, nil
}

// isSet reports whether a JWK has the member that makes package keys read it as
// a set. What is not strict JSON is refused there.
func isSet(jwk []byte) (set bool) {
	if !bytes.Contains(jwk, []byte(`"keys"`)) && bytes.IndexByte(jwk, '\\') < 0 {
		return false
	}
	strictjson.Object(jwk, func(name, _ []byte) bool {
		set = set || string(name) == "keys"
		return true
	})
	return set
}

// named reports whether an RSA key leaves open what it is for, or is for alg. A
// key of another kind has one algorithm only, as package keys has seen.
func named(jwk []byte, alg keys.Algorithm) bool {
	return strictjson.Object(jwk, func(name, value []byte) bool {
		if string(name) != "alg" {
			return true
		}
		own, _ := strictjson.Bytes(value)
		return string(own) == string(alg)
	})
}

// thumbprint returns the bytes of an RFC 7638 thumbprint.
func thumbprint(jkt string) (sum [32]byte) {
	base64.RawURLEncoding.Decode(sum[:], []byte(jkt))
	return sum
}
