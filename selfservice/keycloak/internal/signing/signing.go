// Package signing tells which algorithms (JWS "alg") the keys of a client sign
// with, and which of them the client should be set to.
package signing

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

// AnyRSA stands for RS and PS, 256 to 512: an RSA key without "alg".
const AnyRSA = "RSA"

// Fits reports whether a key signs with an algorithm.
func Fits(key, algorithm string) bool {
	return key == algorithm || key == AnyRSA && (strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS"))
}

const (
	Any   = ""  // unset it; a policy that demands one then refuses the whole update
	Leave = "-" // leave it out of the update
)

// Candidates returns what to try, in order, as the signing algorithm of a client
// whose keys sign with those in list. The current one stays if all keys fit it.
// Where none is set none will be, unless a policy demands one.
func Candidates(current string, list []string) []string {
	other := func(key string) bool { return !Fits(key, current) }
	one := ""
	if len(list) > 0 && !slices.ContainsFunc(list, func(key string) bool { return key != list[0] }) {
		one = list[0]
	}
	switch {
	case current != "" && !slices.ContainsFunc(list, other):
		return []string{current}
	case len(list) == 0: // nothing is signed
		return []string{Any, Leave}
	case one == AnyRSA:
		return []string{Any, string(keys.PS256)} // what FAPI's policies set themselves
	case one == "":
		return []string{Any}
	case current != "": // no key signs with that any more
		return []string{one}
	}
	return []string{Any, one}
}

// Algorithms returns what the keys of a JWKS sign with, for those that the server
// uses.
func Algorithms(jwks []byte) (list []string) {
	var document struct{ Keys []json.RawMessage }
	if json.Unmarshal(jwks, &document) != nil {
		return nil
	}
	for _, raw := range document.Keys {
		var key struct{ Kty, Crv, Alg string }
		if json.Unmarshal(raw, &key) != nil || !Used(raw) {
			continue
		}
		curves := map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}
		switch {
		case curves[key.Crv] != "":
			list = append(list, curves[key.Crv])
		case key.Alg != "":
			list = append(list, key.Alg)
		case key.Kty == "RSA":
			list = append(list, AnyRSA)
		}
	}
	return list
}

// Known reports whether the server knows an algorithm: as of 26.7 it does not know
// the name Ed25519 (RFC 9864). To it such a key is one for EdDSA.
func Known(a keys.Algorithm) bool { return a != keys.Ed25519 }

// UnknownText says what to do about an algorithm that is not Known.
const UnknownText = "the server knows Ed25519 as EdDSA"

// Used reports whether the server looks at a key of a stored JWKS.
func Used(jwk []byte) bool {
	var key struct {
		Use string         `json:"use"`
		Alg keys.Algorithm `json:"alg"`
	}
	return json.Unmarshal(jwk, &key) == nil && key.Use == "sig" && Known(key.Alg)
}

// Of returns what a public key signs with, empty if that is unknown.
func Of(public any) string {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return AnyRSA
	case *ecdsa.PublicKey:
		return map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[public.Curve.Params().BitSize]
	case ed25519.PublicKey:
		return "EdDSA"
	}
	return ""
}
