package main

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/auth0/go-jwt-middleware/v3/core"
	"github.com/auth0/go-jwt-middleware/v3/validator"
	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

func joseVerify(proof, thumbprint string) (proven, error) {
	parsed, err := jose.ParseSignedCompact(proof, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return proven{}, err
	}
	header := parsed.Signatures[0].Protected
	if header.JSONWebKey == nil || !header.JSONWebKey.IsPublic() {
		return proven{}, errors.New("no public key")
	}
	payload, err := parsed.Verify(header.JSONWebKey)
	if err != nil {
		return proven{}, err
	}
	var c proofClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return proven{}, err
	}
	sum, err := header.JSONWebKey.Thumbprint(crypto.SHA256)
	if err != nil {
		return proven{}, err
	}
	typ, _ := header.ExtraHeaders[jose.HeaderType].(string)
	return compare(typ, c, base64.RawURLEncoding.EncodeToString(sum), thumbprint)
}

func jwxVerify(proof, thumbprint string) (proven, error) {
	message, err := jws.ParseString(proof)
	if err != nil {
		return proven{}, err
	}
	header := message.Signatures()[0].ProtectedHeaders()
	key, ok := header.JWK()
	if !ok {
		return proven{}, errors.New("no key")
	}
	payload, err := jws.Verify([]byte(proof), jws.WithKey(jwa.ES256(), key))
	if err != nil {
		return proven{}, err
	}
	var c proofClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return proven{}, err
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return proven{}, err
	}
	typ, _ := header.Type()
	return compare(typ, c, base64.RawURLEncoding.EncodeToString(sum), thumbprint)
}

func golangVerify(proof, thumbprint string) (proven, error) {
	var c golangProofClaims
	var got string
	token, err := jwt.ParseWithClaims(proof, &c, func(t *jwt.Token) (any, error) {
		members, _ := t.Header["jwk"].(map[string]any)
		text := func(name string) string { s, _ := members[name].(string); return s }
		key, sum, err := ecKey(publicECKey{text("kty"), text("crv"), text("x"), text("y")})
		got = sum
		return key, err
	}, jwt.WithValidMethods([]string{"ES256"}))
	if err != nil {
		return proven{}, err
	}
	typ, _ := token.Header["typ"].(string)
	return compare(typ, c.proofClaims, got, thumbprint)
}

// boundTo is the thumbprint of a token that Auth0's middleware is told is good:
// what it costs to verify tokens is not measured here.
type boundTo string

func (b boundTo) HasConfirmation() bool      { return true }
func (b boundTo) GetConfirmationJKT() string { return string(b) }

// asked goes through the context: what is asked of auth0Validator, and the
// "jti" that it has seen.
type asked struct{ thumbprint, id string }

type askedKey struct{}

// auth0Validator verifies proofs with Auth0's own validator, and no tokens.
type auth0Validator struct{ proofs *validator.Validator }

func (v auth0Validator) ValidateToken(ctx context.Context, _ string) (any, error) {
	return boundTo(ctx.Value(askedKey{}).(*asked).thumbprint), nil
}

func (v auth0Validator) ValidateDPoPProof(ctx context.Context, proof string) (core.DPoPProofClaims, error) {
	claims, err := v.proofs.ValidateDPoPProof(ctx, proof)
	if err != nil {
		return nil, err
	}
	ctx.Value(askedKey{}).(*asked).id = claims.GetJTI()
	return claims, nil
}

func auth0Verifier() (verifier, error) {
	proofs, err := validator.New(
		validator.WithKeyFunc(func(context.Context) (any, error) { return nil, errors.New("no token is verified") }),
		validator.WithAlgorithm(validator.ES256),
		validator.WithIssuer("https://sts.example.no/"),
		validator.WithAudience("https://api.example.no/"),
	)
	if err != nil {
		return verifier{}, err
	}
	checks, err := core.New(core.WithValidator(auth0Validator{proofs}), core.WithDPoPMode(core.DPoPRequired), core.WithDPoPProofOffset(time.Hour))
	if err != nil {
		return verifier{}, err
	}
	return verifier{"Auth0 go-jwt-middleware v3", func(_ int, proof, thumbprint string) (proven, error) {
		a := &asked{thumbprint: thumbprint}
		ctx := context.WithValue(context.Background(), askedKey{}, a)
		_, of, err := checks.CheckTokenWithDPoP(ctx, accessToken, core.AuthSchemeDPoP, proof, http.MethodGet, resource)
		if err != nil {
			return proven{}, err
		}
		return proven{a.id, of.PublicKeyThumbprint}, nil
	}}, nil
}
