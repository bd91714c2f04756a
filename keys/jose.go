package keys

import (
	"crypto"

	"github.com/go-jose/go-jose/v4"
)

// JOSE returns the public key in go-jose's form, for programs that use it.
func (p *PublicKey) JOSE() jose.JSONWebKey {
	return jose.JSONWebKey{Key: p.key, KeyID: p.kid, Algorithm: string(p.alg), Use: "sig", Certificates: p.Certificates()}
}

// PrivateJOSE returns the private key in go-jose's form: the secret itself,
// which go-jose prints when asked to. A key that lives in an HSM or KMS has
// none: [ErrNoPrivateKey].
func (k *Key) PrivateJOSE() (jose.JSONWebKey, error) {
	signer := k.Signer()
	if signer == nil || k.foreign {
		return jose.JSONWebKey{}, refuse(ErrNoPrivateKey, noExport)
	}
	jwk := k.public.JOSE()
	jwk.Key = signer
	return jwk, nil
}

// FromJOSE returns the private key that go-jose holds, under the same rules
// as [Parse]. For a public one there is [NewPublicKey].
func FromJOSE(jwk jose.JSONWebKey) (*Key, error) {
	if jwk.Use != "" && jwk.Use != "sig" {
		return nil, refuse(ErrNotSigning, "use is not sig")
	}
	signer, ok := jwk.Key.(crypto.Signer)
	if !ok {
		return nil, refuse(ErrNoPrivateKey, "the JWK holds none")
	}
	return New(signer, Options{Algorithm: algorithmOf(jwk.Algorithm), KeyID: jwk.KeyID, Certificates: jwk.Certificates})
}
