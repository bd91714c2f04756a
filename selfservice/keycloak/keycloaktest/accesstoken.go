package keycloaktest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// issuer signs the access tokens of a realm.
type issuer struct {
	key jose.JSONWebKey // private
}

// signing returns the realm's issuer, creating it on first use.
func (r *realm) signing() *issuer {
	if r.issuer == nil {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err) // crypto/rand never fails
		}
		key := jose.JSONWebKey{Key: private, Algorithm: string(jose.ES256), Use: "sig"}
		sum, _ := key.Thumbprint(crypto.SHA256) // of a generated key
		key.KeyID = base64.RawURLEncoding.EncodeToString(sum)
		r.issuer = &issuer{key}
	}
	return r.issuer
}

// certs serves the realm's public keys.
func (s *Server) certs(realm *realm, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{realm.signing().key.Public()}})
}

// accessToken returns a token as a JWT. Its typ is that of RFC 9068 if the
// client's attribute for it is set.
func (s *Server) accessToken(t *token) string {
	typ, kind := "JWT", "Bearer"
	if t.client.attributes["access.token.header.type.rfc9068"] == "true" {
		typ = "at+jwt"
	}
	now := s.now()
	claims := map[string]any{
		"exp": t.expires.Unix(), "iat": now.Unix(), "jti": "trrtcc:" + rand.Text(),
		"iss": s.issuer(t.realm), "aud": t.audience(), "sub": t.client.user(), "azp": t.client.clientID, "client_id": t.client.clientID,
		"acr": "1", "scope": t.scope, "email_verified": false, "preferred_username": "service-account-" + t.client.clientID,
	}
	if len(t.audience()) == 1 {
		claims["aud"] = "account"
	}
	if t.jkt != "" {
		kind = "DPoP"
		claims["cnf"] = map[string]string{"jkt": t.jkt}
	}
	claims["typ"] = kind
	t.claims = claims
	o := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: t.realm.signing().key}, o)
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

// user is the id of a client's service account.
func (c *client) user() string { return "user-" + c.id }

// audience is what mappers add, and "account", for the roles that every service
// account has there.
func (t *token) audience() (all []string) {
	list := t.client.audiences
	for scope := range strings.FieldsSeq(t.scope) {
		list = append(slices.Clip(list), t.client.optional[scope]...)
	}
	for _, a := range append(slices.Clip(list), "account") {
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// grantScopes returns the scopes that a request gets, or those that do not
// exist for the client.
func (c *client) grantScopes(r *http.Request) (granted, unknown string) {
	if !r.PostForm.Has("scope") {
		return "email profile", ""
	}
	openid, asked := "", r.PostForm.Get("scope")
	scopes := []string{"profile", "email"}
	for _, scope := range strings.Split(asked, " ") {
		switch scope {
		case "openid":
			openid = "openid "
		case "address", "phone", "microprofile-jwt":
			if !slices.Contains(scopes, scope) {
				scopes = append(scopes, scope)
			}
		case "profile", "email", "acr", "basic", "organization", "roles", "service_account", "web-origins":
		default:
			if _, ok := c.optional[scope]; !ok {
				return "", asked
			}
			if !slices.Contains(scopes, scope) {
				scopes = append(scopes, scope)
			}
		}
	}
	return openid + strings.Join(scopes, " "), ""
}

// userinfo answers with the claims of the service account (OpenID Connect Core
// 1.0 §5.3).
func (s *Server) userinfo(realm *realm, w http.ResponseWriter, r *http.Request) {
	scheme, _, sent := strings.Cut(r.Header.Get("Authorization"), " ")
	challenge := `Bearer realm="` + realm.name + `"`
	if strings.EqualFold(scheme, "DPoP") {
		challenge = `DPoP algs="` + strings.Join(proofAlgorithms(), " ") + `", realm="` + realm.name + `"`
	}
	refuse := func(status int, code, description string) {
		if code != "" {
			challenge += `, error="` + code + `", error_description="` + description + `"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		answer(w, status, nil)
	}
	t := s.bearer(r)
	switch {
	case !sent:
		refuse(http.StatusUnauthorized, "", "")
	case t == nil || t.realm != realm:
		refuse(http.StatusUnauthorized, "invalid_token", "Token verification failed")
	case !slices.Contains(strings.Fields(t.scope), "openid"):
		refuse(http.StatusForbidden, "insufficient_scope", "Missing openid scope")
	default:
		w.Header().Set("Cache-Control", "no-store")
		answer(w, http.StatusOK, map[string]any{
			"sub": t.client.user(), "email_verified": false, "preferred_username": "service-account-" + t.client.clientID,
		})
	}
}
