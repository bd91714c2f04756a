package keycloaktest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const skew = 15 * time.Second

type claims struct {
	Issuer   string          `json:"iss"`
	Subject  string          `json:"sub"`
	Audience json.RawMessage `json:"aud"`
	ID       string          `json:"jti"`
	Expires  *int64          `json:"exp"`
	Issued   *int64          `json:"iat"`
	Before   *int64          `json:"nbf"`
}

// byAssertion authenticates by private_key_jwt or client_secret_jwt.
func (s *Server) byAssertion(realm *realm, form url.Values) (*client, *refusal) {
	bad := func(description string) (*client, *refusal) {
		return nil, &refusal{http.StatusBadRequest, "invalid_client", description}
	}
	if form.Get("client_assertion_type") != assertionType {
		return bad("Parameter client_assertion_type has value other than expected")
	}
	jws, err := jose.ParseSignedCompact(form.Get("client_assertion"), []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA, jose.HS256, jose.HS384, jose.HS512,
	})
	if err != nil {
		return bad("Invalid client assertion")
	}
	var got claims
	if json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &got) != nil {
		return bad("Invalid client assertion")
	}
	c := realm.byClientID(got.Subject)
	if c == nil || !c.enabled || got.Issuer != got.Subject || form.Has("client_id") && form.Get("client_id") != got.Subject {
		return nil, invalidClient()
	}
	header := jws.Signatures[0].Protected
	symmetric := header.Algorithm[:2] == "HS"
	switch want := c.attributes[signingAlgorithm]; {
	case c.method != "client-jwt" && c.method != "client-secret-jwt":
		return nil, invalidClient()
	case symmetric != (c.method == "client-secret-jwt"), want != "" && want != header.Algorithm:
		return bad("Invalid signature algorithm")
	}
	if problem := s.checkClaims(realm, c, got); problem != "" {
		return bad(problem)
	}
	if symmetric {
		if s.mainExpired(c) {
			return nil, invalidClient()
		}
		if !s.acceptsSecret(c, func(secret string) bool { _, err := jws.Verify([]byte(secret)); return err == nil }) {
			return nil, &refusal{http.StatusBadRequest, "unauthorized_client", "Client authentication with client secret signed JWT failed"}
		}
	} else {
		key := s.publicKey(realm, c, header.KeyID, header.Algorithm)
		if key == nil {
			return bad("Unable to load public key")
		}
		if _, err := jws.Verify(key); err != nil {
			return bad("Signature on JWT token failed validation")
		}
	}
	if !s.spend("assertion "+c.id+" "+got.ID, time.Unix(*got.Expires, 0).Add(skew)) {
		return bad("Token reuse detected")
	}
	return c, nil
}

// checkClaims returns what is wrong, as the server words it.
func (s *Server) checkClaims(realm *realm, c *client, got claims) string {
	var audience []string
	if json.Unmarshal(got.Audience, &audience) != nil {
		var one string
		if json.Unmarshal(got.Audience, &one) != nil {
			return "Token audience doesn't match domain"
		}
		audience = []string{one}
	}
	issuer := s.issuer(realm)
	accepted := []string{issuer, issuer + "/protocol/openid-connect/token", issuer + "/protocol/openid-connect/token/introspect"}
	now := s.now()
	limit := time.Minute
	if n, err := strconv.Atoi(c.attributes["token.endpoint.auth.signing.max.exp"]); err == nil {
		limit = time.Duration(n) * time.Second
	}
	at := func(t *int64) time.Time { return time.Unix(*t, 0) }
	switch {
	case len(audience) > 1:
		return "Multiple audiences not allowed"
	case len(audience) == 0 || !slices.Contains(accepted, audience[0]):
		return "Invalid token audience"
	case got.Expires == nil:
		return "Token exp claim is required"
	case got.ID == "":
		return "Token jti claim is required"
	case at(got.Expires).Add(skew).Before(now), got.Before != nil && at(got.Before).Add(-skew).After(now):
		return "Token is not active"
	case got.Issued != nil && at(got.Issued).Add(-skew).After(now):
		return "Token was issued in the future"
	case got.Issued != nil && at(got.Issued).Add(limit).Before(now):
		return "Token was issued too far in the past to be used now"
	case got.Issued == nil && at(got.Expires).Sub(now) > limit:
		return "Token expiration is too far in the future and iat claim not present in token"
	}
	return ""
}
