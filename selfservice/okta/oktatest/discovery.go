package oktatest

import (
	"net/http"
	"net/url"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/selfservice/okta"
)

// issuer returns the issuer of a custom authorization server, or of the org's own
// one if it has no ID.
func (s *Server) issuer(server string) string {
	if server == "" {
		return s.URL
	}
	return s.URL + "/oauth2/" + url.PathEscape(server)
}

// discovery answers with the metadata of an authorization server.
func (s *Server) discovery(w http.ResponseWriter, r *http.Request) {
	issuer := s.issuer(r.PathValue("server"))
	endpoints := issuer + "/v1"
	if issuer == s.URL {
		endpoints = issuer + "/oauth2/v1"
	}
	methods := []okta.Method{okta.MethodBasic, okta.MethodPost, okta.MethodSecretJWT, okta.MethodPrivateKey, okta.MethodNone}
	answer(w, http.StatusOK, map[string]any{
		"issuer": issuer, "jwks_uri": endpoints + "/keys",
		"authorization_endpoint": endpoints + "/authorize", "token_endpoint": endpoints + "/token", "introspection_endpoint": endpoints + "/introspect",
		"token_endpoint_auth_methods_supported": methods, "introspection_endpoint_auth_methods_supported": methods,
		"grant_types_supported": []string{"authorization_code", "client_credentials"}, "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		"dpop_signing_alg_values_supported": signatures(),
	})
}

// keys serves the public keys of an authorization server.
func (s *Server) keys(w http.ResponseWriter, _ *http.Request) {
	key := issuerKey()
	answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
}
