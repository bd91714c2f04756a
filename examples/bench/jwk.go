package main

import (
	"crypto"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"

	"github.com/go-jose/go-jose/v4"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/nokkel/nokkel/keys"
)

// jwkTask makes the public JWK and the RFC 7638 thumbprint of a key of the
// standard library. golang-jwt has no JWKs.
func jwkTask(key *ecdsa.PrivateKey) task {
	return task{name: "JWK and thumbprint, P-256", check: checkJWK(&key.PublicKey), contenders: []contender{
		raw(key, crypto.SHA256),
		{"nokkel", func() (product, error) {
			k, err := keys.NewPublicKey(&key.PublicKey, keys.Options{})
			if err != nil {
				return product{}, err
			}
			return product{jwk: k.JWK(), thumbprint: []byte(k.Thumbprint())}, nil
		}},
		{"go-jose v4", func() (product, error) {
			k := jose.JSONWebKey{Key: &key.PublicKey, Algorithm: "ES256", Use: "sig"}
			sum, err := k.Thumbprint(crypto.SHA256)
			if err != nil {
				return product{}, err
			}
			return finish(sum, func(kid string) ([]byte, error) {
				k.KeyID = kid
				return k.MarshalJSON()
			})
		}},
		{"jwx v3", func() (product, error) {
			k, err := jwk.Import(&key.PublicKey)
			if err != nil {
				return product{}, err
			}
			sum, err := k.Thumbprint(crypto.SHA256)
			if err != nil {
				return product{}, err
			}
			return finish(sum, func(kid string) ([]byte, error) {
				for name, value := range map[string]string{jwk.KeyIDKey: kid, jwk.AlgorithmKey: "ES256", jwk.KeyUsageKey: "sig"} {
					if err := k.Set(name, value); err != nil {
						return nil, err
					}
				}
				return json.Marshal(k)
			})
		}},
	}}
}

func finish(sum []byte, marshal func(kid string) ([]byte, error)) (product, error) {
	thumbprint := base64.RawURLEncoding.EncodeToString(sum)
	text, err := marshal(thumbprint)
	return product{jwk: text, thumbprint: []byte(thumbprint)}, err
}
