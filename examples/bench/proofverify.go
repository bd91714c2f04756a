package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
)

// lap is how many proofs there are. Each is verified once in a lap, so that
// nokkel's replay cache takes it.
const lap = 4096

// proven is what a verifier says of a proof.
type proven struct{ id, thumbprint string }

// verifier checks a proof of GET resource with accessToken by the key of a
// thumbprint: signature, typ, htm, htu, iat and ath. What a library leaves to
// its caller is written out.
type verifier struct {
	name   string
	verify func(n int, proof, thumbprint string) (proven, error) // n counts the proofs
}

// verifyTask lets every library verify the same proofs. Nokkel also asks for a
// nonce of its own, refuses ambiguous JSON and spends the proof; no other does.
func verifyTask(key *ecdsa.PrivateKey) (task, error) {
	ours, err := keys.New(key, keys.Options{})
	if err != nil {
		return task{}, err
	}
	nonces := &dpop.Nonces{Step: time.Hour}
	proofs := make([]string, lap)
	ids := make(map[string]bool)
	for i := range proofs {
		if proofs[i], err = dpop.Sign(context.Background(), ours, dpop.Proof{
			Method: http.MethodGet, URL: resource, AccessToken: keys.NewSecret(accessToken), Nonce: nonces.Nonce(),
		}); err != nil {
			return task{}, err
		}
		var h header
		var c proofClaims
		if err := open(proofs[i], key, nil, &h, &c); err != nil {
			return task{}, err
		}
		ids[c.ID] = true
	}
	verifiers, err := proofVerifiers(nonces)
	if err != nil {
		return task{}, err
	}
	digest := sha256.Sum256([]byte("raw"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		return task{}, err
	}
	t := task{name: "DPoP proof verified, ES256", contenders: []contender{{"raw verification", func() (product, error) {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
			return product{}, errors.New("wrong signature")
		}
		return product{}, nil
	}}}}
	for _, v := range verifiers {
		var next atomic.Int64
		t.contenders = append(t.contenders, contender{v.name, func() (product, error) {
			n := int(next.Add(1) - 1)
			p, err := v.verify(n, proofs[n%lap], ours.Thumbprint())
			return product{token: p.id, thumbprint: []byte(p.thumbprint)}, err
		}})
	}
	t.check = func(p product) error {
		if !ids[p.token] || string(p.thumbprint) != ours.Thumbprint() {
			return fmt.Errorf("no proof has the jti %q and the thumbprint %q", p.token, p.thumbprint)
		}
		return nil
	}
	return t, nil
}

func proofVerifiers(nonces *dpop.Nonces) ([]verifier, error) {
	auth0, err := auth0Verifier()
	if err != nil {
		return nil, err
	}
	return []verifier{
		nokkelVerifier(nonces),
		{"go-jose v4", func(_ int, proof, thumbprint string) (proven, error) { return joseVerify(proof, thumbprint) }},
		{"jwx v3", func(_ int, proof, thumbprint string) (proven, error) { return jwxVerify(proof, thumbprint) }},
		{"golang-jwt v5", func(_ int, proof, thumbprint string) (proven, error) { return golangVerify(proof, thumbprint) }},
		auth0,
	}, nil
}

// nokkelVerifier has a cache for each lap: the one of the next is made again
// when a lap begins.
func nokkelVerifier(nonces *dpop.Nonces) verifier {
	var verifiers [2]atomic.Pointer[dpop.Verifier]
	for i := range verifiers {
		verifiers[i].Store(&dpop.Verifier{Replay: &dpop.Memory{}, Nonces: nonces, Window: time.Hour})
	}
	token := keys.NewSecret(accessToken)
	return verifier{"nokkel", func(n int, proof, thumbprint string) (proven, error) {
		at := n / lap % 2
		if n%lap == 0 {
			verifiers[1-at].Store(&dpop.Verifier{Replay: &dpop.Memory{}, Nonces: nonces, Window: time.Hour})
		}
		checked, err := verifiers[at].Load().Verify(context.Background(), dpop.Request{
			Method: http.MethodGet, URL: resource, Proofs: []string{proof}, Token: token, JKT: thumbprint,
		})
		if err != nil {
			return proven{}, err
		}
		return proven{checked.ID, checked.JKT}, nil
	}}
}

// compare is what go-jose, jwx and golang-jwt leave to the caller.
func compare(typ string, c proofClaims, got, want string) (proven, error) {
	sum := sha256.Sum256([]byte(accessToken))
	age := time.Since(time.Unix(c.IssuedAt, 0))
	switch {
	case typ != proofType:
		return proven{}, errors.New("wrong typ")
	case c.ID == "" || c.Method != http.MethodGet || c.URL != resource:
		return proven{}, errors.New("wrong claims")
	case age < -10*time.Second || age > time.Hour:
		return proven{}, errors.New("wrong iat")
	case c.Hash != base64.RawURLEncoding.EncodeToString(sum[:]):
		return proven{}, errors.New("wrong ath")
	case got != want:
		return proven{}, errors.New("wrong key")
	}
	return proven{c.ID, got}, nil
}

// ecKey makes a key of a JWK, and its thumbprint.
func ecKey(jwk publicECKey) (*ecdsa.PublicKey, string, error) {
	x, errX := base64.RawURLEncoding.DecodeString(jwk.X)
	y, errY := base64.RawURLEncoding.DecodeString(jwk.Y)
	if errX != nil || errY != nil || jwk.Type != "EC" || jwk.Curve != "P-256" || len(x) != 32 || len(y) != 32 {
		return nil, "", errors.New("no P-256 key")
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + jwk.X + `","y":"` + jwk.Y + `"}`))
	return key, base64.RawURLEncoding.EncodeToString(sum[:]), nil
}
