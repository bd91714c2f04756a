package oktatest

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/selfservice/okta"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// problem is why a client is not authenticated.
type problem struct {
	code, description string // code is empty for an unknown client, whose answer has another shape
}

func (p *problem) write(s *Server, a *app, w http.ResponseWriter) {
	if p.code == "" {
		fail(w, http.StatusUnauthorized, "invalid_client", p.description)
		return
	}
	if a != nil {
		a.caller = caller{name: a.clientID()}
		s.log(EventToken, a, "", p.code+": "+p.description)
	}
	failOAuth(w, http.StatusUnauthorized, p.code, p.description)
}

func invalidClient(description string) *problem { return &problem{"invalid_client", description} }

// authenticate returns the app that sent a form, by what the request's node
// knows.
func (s *Server) authenticate(r *http.Request) (*app, *problem) {
	node := s.balancer.Node(r, s.Nodes, s.ByConnection)
	if r.PostForm.Has("client_assertion") {
		return s.byAssertion(r, node)
	}
	id, secret, basic := r.BasicAuth()
	method := okta.MethodBasic
	if basic {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret, method = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret"), okta.MethodPost
	}
	a := s.byClientID(id)
	if a == nil {
		return nil, &problem{"", "Invalid value for 'client_id' parameter."}
	}
	v := s.known(a, node)
	if v.method != method {
		return a, invalidClient("Client authentication failed. Either the client or the client credentials are invalid.")
	}
	for _, c := range v.secrets {
		if c.active && subtle.ConstantTimeCompare([]byte(c.value), []byte(secret)) == 1 {
			return a, nil
		}
	}
	return a, invalidClient("The client secret supplied for a confidential client is invalid.")
}

type claims struct {
	Issuer   string          `json:"iss"`
	Subject  string          `json:"sub"`
	Audience json.RawMessage `json:"aud"`
	ID       string          `json:"jti"`
	Expires  *int64          `json:"exp"`
	Issued   *int64          `json:"iat"`
}

// byAssertion authenticates with private_key_jwt or client_secret_jwt.
func (s *Server) byAssertion(r *http.Request, node int) (*app, *problem) {
	if r.PostForm.Get("client_assertion_type") != assertionType {
		return nil, invalidClient("The client_assertion_type is invalid.")
	}
	jws, err := jose.ParseSignedCompact(r.PostForm.Get("client_assertion"), append(signatures(), jose.HS256, jose.HS384, jose.HS512))
	if err != nil {
		return nil, invalidClient("The client_assertion signature is invalid.")
	}
	var got claims
	if json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &got) != nil {
		return nil, invalidClient("The client_assertion is malformed.")
	}
	a := s.byClientID(got.Subject)
	if a == nil || got.Issuer != got.Subject || r.PostForm.Has("client_id") && r.PostForm.Get("client_id") != got.Subject {
		return nil, &problem{"", "Invalid value for 'client_id' parameter."}
	}
	v, header := s.known(a, node), jws.Signatures[0].Protected
	symmetric := header.Algorithm[:2] == "HS"
	switch {
	case v.method != okta.MethodPrivateKey && v.method != okta.MethodSecretJWT:
		return a, invalidClient("Client authentication failed. Either the client or the client credentials are invalid.")
	case symmetric != (v.method == okta.MethodSecretJWT):
		return a, invalidClient("The client_assertion signature algorithm is invalid.")
	}
	if wrong := s.wrongClaims(s.URL+r.URL.EscapedPath(), got); wrong != "" {
		return a, invalidClient(wrong)
	}
	if symmetric {
		ok := slices.ContainsFunc(v.secrets, func(c credential) bool { _, err := jws.Verify([]byte(c.value)); return c.active && err == nil })
		if !ok {
			return a, invalidClient("The client_assertion signature is invalid.")
		}
	} else if wrong := s.wrongSignature(a, v, node, jws, header); wrong != "" {
		return a, invalidClient(wrong)
	}
	if got.ID != "" && !s.spend("assertion "+a.id+" "+got.ID, time.Unix(*got.Expires, 0).Add(time.Minute)) {
		return a, invalidClient("The client_assertion has already been used.")
	}
	return a, nil
}

// wrongSignature returns what is wrong with the signature of an assertion. With
// several keys the assertion must name one.
func (s *Server) wrongSignature(a *app, v view, node int, jws *jose.JSONWebSignature, header jose.Header) string {
	list := s.signing(a, v, node, header.KeyID)
	registered := max(len(v.keys), len(list))
	if len(list) == 0 {
		return "The client does not have a JWKSet configured."
	}
	for _, k := range list {
		if k.kid != header.KeyID && (registered > 1 || header.KeyID != "" && k.kid != "") {
			continue
		}
		if _, err := jws.Verify(k.key); err != nil {
			return "The client_assertion signature is invalid."
		}
		if k.use != "" && k.use != "sig" {
			return "The client_assertion is not signed with a signing key."
		}
		return ""
	}
	return "The client_assertion JWT kid is invalid."
}

// wrongClaims returns what is wrong with the claims of an assertion.
func (s *Server) wrongClaims(called string, got claims) string {
	var one string
	var many []string
	if json.Unmarshal(got.Audience, &one) == nil {
		many = []string{one}
	} else {
		json.Unmarshal(got.Audience, &many)
	}
	now := time.Now()
	switch {
	case len(many) != 1 || many[0] != called:
		return "The audience claim for client_assertion must be the endpoint invoked for the request."
	case got.Expires == nil || time.Unix(*got.Expires, 0).Before(now):
		return "The client_assertion token is expired."
	case time.Unix(*got.Expires, 0).After(now.Add(time.Hour)):
		return "The client_assertion token has an expiration too far into the future."
	case got.Issued != nil && time.Unix(*got.Issued, 0).After(now.Add(time.Second)):
		return "The client_assertion token was issued in the future."
	}
	return ""
}
