package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
)

const (
	proofType   = "dpop+jwt"
	resource    = "https://api.example.no/patients"
	accessToken = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
	nonce       = "eyJ7S_zG.eyJH0-Z.HX4w-7v"
)

// proofClaims are those of a proof at a resource server (RFC 9449 §4.2).
type proofClaims struct {
	ID       string `json:"jti"`
	Method   string `json:"htm"`
	URL      string `json:"htu"`
	IssuedAt int64  `json:"iat"`
	Hash     string `json:"ath"`
	Nonce    string `json:"nonce"`
}

func newProofClaims() proofClaims {
	sum := sha256.Sum256([]byte(accessToken))
	return proofClaims{
		ID: newID(), Method: http.MethodGet, URL: resource, IssuedAt: time.Now().Unix(),
		Hash: base64.RawURLEncoding.EncodeToString(sum[:]), Nonce: nonce,
	}
}

type golangProofClaims struct {
	golangMethods
	proofClaims
}

// proofTask makes the same DPoP proof with every library. What can be made
// once per key is.
func proofTask(key *ecdsa.PrivateKey) (task, error) {
	ours, err := keys.New(key, keys.Options{})
	if err != nil {
		return task{}, err
	}
	joseSigner, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key},
		(&jose.SignerOptions{EmbedJWK: true}).WithType(proofType))
	if err != nil {
		return task{}, err
	}
	public, err := jwk.Import(key.Public())
	if err != nil {
		return task{}, err
	}
	header := jws.NewHeaders()
	if err := header.Set(jws.TypeKey, proofType); err != nil {
		return task{}, err
	}
	if err := header.Set(jws.JWKKey, public); err != nil {
		return task{}, err
	}
	golangHeader := json.RawMessage(ours.PublicKey().JWK())

	return task{name: "DPoP proof, ES256", check: checkProof(key), contenders: []contender{
		raw(key, crypto.SHA256),
		{"nokkel", func() (product, error) {
			token, err := dpop.Sign(context.Background(), ours, dpop.Proof{
				Method: http.MethodGet, URL: resource, AccessToken: keys.NewSecret(accessToken), Nonce: nonce,
			})
			return product{token: token}, err
		}},
		{"go-jose v4", func() (product, error) {
			token, err := josejwt.Signed(joseSigner).Claims(newProofClaims()).Serialize()
			return product{token: token}, err
		}},
		{"jwx v3", func() (product, error) {
			payload, err := json.Marshal(newProofClaims())
			if err != nil {
				return product{}, err
			}
			token, err := jws.Sign(payload, jws.WithKey(jwa.ES256(), key, jws.WithProtectedHeaders(header)))
			return product{token: string(token)}, err
		}},
		{"golang-jwt v5", func() (product, error) {
			t := jwt.NewWithClaims(jwt.SigningMethodES256, golangProofClaims{proofClaims: newProofClaims()})
			t.Header["typ"], t.Header["jwk"] = proofType, golangHeader
			token, err := t.SignedString(key)
			return product{token: token}, err
		}},
	}}, nil
}
