package keycloaktest

import "net/http"

// discovery has the members that the server implements, and those that OpenID
// Connect Discovery 1.0 §3 requires.
func (s *Server) discovery(realm *realm, w http.ResponseWriter, _ *http.Request) {
	issuer := s.issuer(realm)
	methods := []string{"private_key_jwt", "client_secret_basic", "client_secret_post", "client_secret_jwt"}
	algorithms := append(proofAlgorithms(), "HS256", "HS384", "HS512")
	answer(w, http.StatusOK, map[string]any{
		"issuer":                                           issuer,
		"authorization_endpoint":                           issuer + "/protocol/openid-connect/auth",
		"token_endpoint":                                   issuer + "/protocol/openid-connect/token",
		"introspection_endpoint":                           issuer + "/protocol/openid-connect/token/introspect",
		"userinfo_endpoint":                                issuer + "/protocol/openid-connect/userinfo",
		"jwks_uri":                                         issuer + "/protocol/openid-connect/certs",
		"grant_types_supported":                            []string{"client_credentials"},
		"response_types_supported":                         []string{"code"},
		"subject_types_supported":                          []string{"public"},
		"id_token_signing_alg_values_supported":            []string{"RS256", "ES256"},
		"token_endpoint_auth_methods_supported":            methods,
		"token_endpoint_auth_signing_alg_values_supported": algorithms,
		"dpop_signing_alg_values_supported":                proofAlgorithms(),
	})
}

func proofAlgorithms() []string {
	return []string{"PS384", "RS384", "EdDSA", "ES384", "ES256", "RS256", "ES512", "PS256", "PS512", "RS512"}
}

// authorizeUser is the authorization endpoint, which discovery must name. No
// client has a redirect_uri here, so the error is shown to the user.
func (s *Server) authorizeUser(_ *realm, w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "keycloaktest: no client may send a person here", http.StatusBadRequest)
}
