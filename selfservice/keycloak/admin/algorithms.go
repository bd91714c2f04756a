package admin

import (
	"crypto/x509"

	"github.com/nokkel/nokkel/selfservice/keycloak/internal/signing"
)

// SigningAlgorithm is the client attribute for the algorithm (JWS "alg") of
// assertions. Without it the server accepts those of all the client's keys.
const SigningAlgorithm = "token.endpoint.auth.signing.alg"

// algorithmAttributes returns the attributes that a client policy with the
// executor secure-signature-algorithm, as FAPI's have, sets to its default
// (PS256) in every update that leaves them out.
func algorithmAttributes() []string {
	return []string{
		SigningAlgorithm, "access.token.signed.response.alg", "id.token.signed.response.alg",
		"user.info.response.signature.alg", "request.object.signature.alg",
	}
}

// keyAlgorithms returns what the keys in a client's attributes sign with.
func keyAlgorithms(attributes map[string]string) []string {
	if attributes[useJWKSString] == "true" {
		return signing.Algorithms([]byte(attributes[jwksString]))
	}
	for _, attribute := range []string{storedCertificate, storedPublicKey} {
		der, err := decodePEM(attributes[attribute])
		if err != nil || len(der) == 0 {
			continue
		}
		if certificate, err := x509.ParseCertificate(der); err == nil {
			return []string{signing.Of(certificate.PublicKey)}
		}
		if public, err := x509.ParsePKIXPublicKey(der); err == nil {
			return []string{signing.Of(public)}
		}
	}
	return nil
}
