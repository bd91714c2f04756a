package main

import (
	"context"
	"crypto"
	"encoding/json"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
)

const (
	assertionType = "client-authentication+jwt"
	clientID      = "2f8cb1ac-2f0d-4a76-b9bd-2b6b3f0f1a35"
	issuer        = "https://sts.example.no"
	lifetime      = 30 // seconds
)

// assertionClaims are those of a client assertion (RFC 7523 §3).
type assertionClaims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Audience  string `json:"aud"`
	ID        string `json:"jti"`
	IssuedAt  int64  `json:"iat"`
	NotBefore int64  `json:"nbf"`
	Expires   int64  `json:"exp"`
}

func newAssertionClaims() assertionClaims {
	now := time.Now().Unix()
	return assertionClaims{clientID, clientID, issuer, newID(), now, now, now + lifetime}
}

// What golang-jwt wants of claims: methods for its own checks, which are made
// on reading only. (Its RegisteredClaims would make "aud" a list.)
type golangMethods struct{}

func (golangMethods) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }
func (golangMethods) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (golangMethods) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil }
func (golangMethods) GetIssuer() (string, error)                   { return "", nil }
func (golangMethods) GetSubject() (string, error)                  { return "", nil }
func (golangMethods) GetAudience() (jwt.ClaimStrings, error)       { return nil, nil }

type golangAssertionClaims struct {
	golangMethods
	assertionClaims
}

// assertionTask makes the same client assertion with every library.
func assertionTask(alg keys.Algorithm, key crypto.Signer) (task, error) {
	ours, err := keys.New(key, keys.Options{Algorithm: alg})
	if err != nil {
		return task{}, err
	}
	signer := &assertion.Signer{ClientID: clientID, Audience: issuer, Key: ours}
	joseSigner, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: jose.JSONWebKey{Key: key, KeyID: ours.KeyID()}},
		(&jose.SignerOptions{}).WithType(assertionType))
	if err != nil {
		return task{}, err
	}
	header := jws.NewHeaders()
	if err := header.Set(jws.TypeKey, assertionType); err != nil {
		return task{}, err
	}
	if err := header.Set(jws.KeyIDKey, ours.KeyID()); err != nil {
		return task{}, err
	}
	jwxAlgorithm, _ := jwa.LookupSignatureAlgorithm(string(alg))
	golangMethod := jwt.GetSigningMethod(string(alg))

	return task{name: "client assertion, " + string(alg), check: checkAssertion(alg, key, ours.KeyID()), contenders: []contender{
		raw(key, signerOptions(alg)),
		{"nokkel", func() (product, error) {
			token, err := signer.Assertion(context.Background())
			return product{token: token}, err
		}},
		{"go-jose v4", func() (product, error) {
			token, err := josejwt.Signed(joseSigner).Claims(newAssertionClaims()).Serialize()
			return product{token: token}, err
		}},
		{"jwx v3", func() (product, error) {
			payload, err := json.Marshal(newAssertionClaims())
			if err != nil {
				return product{}, err
			}
			token, err := jws.Sign(payload, jws.WithKey(jwxAlgorithm, key, jws.WithProtectedHeaders(header)))
			return product{token: string(token)}, err
		}},
		{"golang-jwt v5", func() (product, error) {
			t := jwt.NewWithClaims(golangMethod, golangAssertionClaims{assertionClaims: newAssertionClaims()})
			t.Header["typ"], t.Header["kid"] = assertionType, ours.KeyID()
			token, err := t.SignedString(key)
			return product{token: token}, err
		}},
	}}, nil
}
