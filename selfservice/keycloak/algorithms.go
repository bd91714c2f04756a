package keycloak

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

// signingAlgorithm is the one algorithm (JWS "alg") that the server takes from
// a client's assertions; without it any that a key of the client has.
const signingAlgorithm = "token.endpoint.auth.signing.alg"

// algorithmAttributes are those that a client policy with the executor
// secure-signature-algorithm, as FAPI's have, sets to its default (PS256) in
// every update that does not name them, whatever the client has.
func algorithmAttributes() []string {
	return []string{
		signingAlgorithm, "access.token.signed.response.alg", "id.token.signed.response.alg",
		"user.info.response.signature.alg", "request.object.signature.alg",
	}
}

// anyRSA is what a key signs with that does not say: RS or PS, 256 to 512.
const anyRSA = "RSA"

// signs reports whether a key signs with an algorithm.
func signs(key, algorithm string) bool {
	return key == algorithm || key == anyRSA && (strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS"))
}

const (
	anyAlgorithm   = ""  // unsets it; a policy that wants one refuses the whole update then
	leaveAlgorithm = "-" // does not name it
)

// signingAlgorithms returns what to set the client's signing algorithm to,
// now that its keys sign with these: the first one that the server takes. What
// it has stays if all keys fit it, and no algorithm is set where none was,
// unless a policy wants one.
func signingAlgorithms(current string, list []string) []string {
	other := func(key string) bool { return !signs(key, current) }
	one := ""
	if len(list) > 0 && !slices.ContainsFunc(list, func(key string) bool { return key != list[0] }) {
		one = list[0]
	}
	switch {
	case current != "" && !slices.ContainsFunc(list, other):
		return []string{current}
	case len(list) == 0: // nothing is signed
		return []string{anyAlgorithm, leaveAlgorithm}
	case one == anyRSA:
		return []string{anyAlgorithm, string(keys.PS256)} // what FAPI's policies set themselves
	case one == "":
		return []string{anyAlgorithm}
	case current != "": // nothing is signed with that any more
		return []string{one}
	}
	return []string{anyAlgorithm, one}
}

// keyAlgorithms returns what the keys in a client's attributes sign with.
func keyAlgorithms(attributes map[string]string) []string {
	if attributes[useJWKSString] == "true" {
		var document jwks
		if json.Unmarshal([]byte(attributes[jwksString]), &document) != nil {
			return nil
		}
		return document.algorithms()
	}
	for _, attribute := range []string{storedCertificate, storedPublicKey} {
		der, err := decodeArmour(attributes[attribute])
		if err != nil || len(der) == 0 {
			continue
		}
		if certificate, err := x509.ParseCertificate(der); err == nil {
			return []string{algorithmOf(certificate.PublicKey)}
		}
		if public, err := x509.ParsePKIXPublicKey(der); err == nil {
			return []string{algorithmOf(public)}
		}
	}
	return nil
}

// algorithms of the keys that the server finds.
func (j jwks) algorithms() (list []string) {
	for _, raw := range j.Keys {
		var key struct{ Kty, Crv, Alg, Use string }
		if json.Unmarshal(raw, &key) != nil || key.Use != "sig" {
			continue
		}
		curves := map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}
		switch {
		case curves[key.Crv] != "":
			list = append(list, curves[key.Crv])
		case key.Alg != "":
			list = append(list, key.Alg)
		case key.Kty == "RSA":
			list = append(list, anyRSA)
		}
	}
	return list
}

func algorithmOf(public any) string {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return anyRSA
	case *ecdsa.PublicKey:
		return map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[public.Curve.Params().BitSize]
	case ed25519.PublicKey:
		return "EdDSA"
	}
	return ""
}
