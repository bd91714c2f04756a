package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/nokkel/nokkel/keys"
)

type header struct {
	Algorithm string      `json:"alg"`
	Type      string      `json:"typ"`
	KeyID     string      `json:"kid"`
	JWK       publicECKey `json:"jwk"`
}

type publicECKey struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y"`
}

func ecMembers(key *ecdsa.PublicKey) (publicECKey, error) {
	point, err := key.Bytes() // 4 ‖ x ‖ y
	if err != nil {
		return publicECKey{}, err
	}
	encode := base64.RawURLEncoding.EncodeToString
	return publicECKey{"EC", "P-256", encode(point[1:33]), encode(point[33:])}, nil
}

// open verifies a compact JWS with nothing but the standard library.
func open(token string, key crypto.Signer, opts crypto.SignerOpts, h *header, claims any) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("not a compact JWS")
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return err
		}
	}
	digest, signature := sha256.Sum256([]byte(parts[0]+"."+parts[1])), decoded[2]
	if !genuine(key.Public(), digest[:], signature, opts) {
		return errors.New("wrong signature")
	}
	return errors.Join(json.Unmarshal(decoded[0], h), json.Unmarshal(decoded[1], claims))
}

func genuine(public crypto.PublicKey, digest, signature []byte, opts crypto.SignerOpts) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return len(signature) == 64 &&
			ecdsa.Verify(key, digest, new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case *rsa.PublicKey:
		if pss, ok := opts.(*rsa.PSSOptions); ok {
			return rsa.VerifyPSS(key, crypto.SHA256, digest, signature, pss) == nil
		}
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, signature) == nil
	}
	return false
}

func checkProof(key *ecdsa.PrivateKey) func(product) error {
	return func(p product) error {
		var h header
		var got proofClaims
		if err := open(p.token, key, crypto.SHA256, &h, &got); err != nil {
			return err
		}
		public, err := ecMembers(&key.PublicKey)
		if err != nil {
			return err
		}
		if want := (header{Algorithm: "ES256", Type: proofType, JWK: public}); h != want {
			return fmt.Errorf("header is %+v, not %+v", h, want)
		}
		sum := sha256.Sum256([]byte(accessToken))
		want := proofClaims{got.ID, http.MethodGet, resource, got.IssuedAt, base64.RawURLEncoding.EncodeToString(sum[:]), nonce}
		if got != want {
			return fmt.Errorf("claims are %+v, not %+v", got, want)
		}
		return checkFresh(got.ID, got.IssuedAt)
	}
}

func checkAssertion(alg keys.Algorithm, key crypto.Signer, kid string) func(product) error {
	return func(p product) error {
		var h header
		var got assertionClaims
		if err := open(p.token, key, signerOptions(alg), &h, &got); err != nil {
			return err
		}
		if want := (header{Algorithm: string(alg), Type: assertionType, KeyID: kid}); h != want {
			return fmt.Errorf("header is %+v, not %+v", h, want)
		}
		now := got.IssuedAt
		if want := (assertionClaims{clientID, clientID, issuer, got.ID, now, now, now + lifetime}); got != want {
			return fmt.Errorf("claims are %+v, not %+v", got, want)
		}
		return checkFresh(got.ID, now)
	}
}

// checkFresh wants a jti of 128 bits, in any alphabet, and an iat of now.
func checkFresh(id string, issuedAt int64) error {
	if len(id) < 22 {
		return errors.New("jti under 128 bits")
	}
	if age := time.Since(time.Unix(issuedAt, 0)); age < -time.Second || age > time.Minute {
		return errors.New("iat is not now")
	}
	return nil
}

func checkJWK(key *ecdsa.PublicKey) func(product) error {
	return func(p product) error {
		public, err := ecMembers(key)
		if err != nil {
			return err
		}
		// RFC 7638 §3.2: the required members in the order of their names.
		sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, public.Curve, public.Type, public.X, public.Y))
		thumbprint := base64.RawURLEncoding.EncodeToString(sum[:])
		var got struct {
			publicECKey
			Algorithm string `json:"alg"`
			Use       string `json:"use"`
			KeyID     string `json:"kid"`
		}
		if err := json.Unmarshal(p.jwk, &got); err != nil {
			return err
		}
		if got.publicECKey != public || got.Algorithm != "ES256" || got.Use != "sig" || got.KeyID != thumbprint {
			return fmt.Errorf("JWK is %s", p.jwk)
		}
		if string(p.thumbprint) != thumbprint {
			return errors.New("wrong thumbprint")
		}
		return nil
	}
}
