package oktatest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// token is an access token.
type token struct {
	app             *app
	server          string // that issued it; empty: the org's own
	jkt             string // thumbprint of the DPoP key; empty: a bearer token
	scopes          []string
	issued, expires time.Time
}

const tokenLifetime = time.Hour

// issuerKey signs the tokens of all servers. It is made when one is needed, for that
// takes time.
var issuerKey = sync.OnceValue(func() jose.JSONWebKey {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return jose.JSONWebKey{Key: private, KeyID: "oktas-own", Algorithm: string(jose.RS256), Use: "sig"}
})

// text returns the token as it is sent: a JWT of a custom authorization server. One
// of the org's own server means something to the org alone.
func (t *token) text(s *Server) string {
	if t.server == "" {
		return rand.Text()
	}
	claims := t.claims(s)
	claims["ver"], claims["jti"], claims["cid"], claims["scp"] = 1, "AT."+rand.Text(), t.app.clientID(), t.scopes
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: issuerKey()}, nil)
	if err != nil {
		panic(err) // the key was generated here
	}
	payload, _ := json.Marshal(claims) // strings and numbers always marshal
	jws, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	compact, _ := jws.CompactSerialize() // it has one signature
	return compact
}

// claims are what a JWT and an introspection answer have in common.
func (t *token) claims(s *Server) map[string]any {
	audience := s.URL
	if t.server != "" {
		audience = "api://" + t.server
	}
	claims := map[string]any{
		"iss": s.issuer(t.server), "aud": audience, "sub": t.app.clientID(), "iat": t.issued.Unix(), "exp": t.expires.Unix(),
	}
	if t.jkt != "" {
		claims["cnf"] = map[string]string{"jkt": t.jkt}
	}
	return claims
}

// kind is the token's type.
func (t *token) kind() string {
	if t.jkt != "" {
		return "DPoP"
	}
	return "Bearer"
}

// introspected answers whoever asks about the token (RFC 7662 §2.2).
func (t *token) introspected(s *Server) map[string]any {
	claims := t.claims(s)
	claims["active"], claims["token_type"], claims["client_id"], claims["scope"] = true, t.kind(), t.app.clientID(), strings.Join(t.scopes, " ")
	return claims
}
