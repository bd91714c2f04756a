package keycloaktest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// globalProfiles are the FAPI profiles that come with the server, with the
// executors that matter here.
func globalProfiles() []profile {
	common := []string{"secure-client-authenticator", "secure-signature-algorithm", "secure-signature-algorithm-signed-jwt", "consent-required", "full-scope-disabled"}
	profiles := []profile{
		{Name: "fapi-1-advanced"}, {Name: "fapi-2-security-profile"}, {Name: "fapi-2-dpop-security-profile"},
	}
	for i, more := range [][]string{{"holder-of-key-enforcer"}, {"holder-of-key-enforcer", "pkce-enforcer"}, {"pkce-enforcer", "dpop-bind-enforcer"}} {
		for _, name := range append(slices.Clone(common), more...) {
			profiles[i].Executors = append(profiles[i].Executors, executor{Executor: name, Configuration: json.RawMessage(`{}`)})
		}
	}
	return profiles
}

func isGlobal(name string) bool {
	return slices.ContainsFunc(globalProfiles(), func(p profile) bool { return p.Name == name })
}

// executes reports whether a policy with that executor applies to the client.
func (s *Server) executes(r *realm, c *client, name string) bool {
	profiles := globalProfiles()
	for _, raw := range r.profiles {
		var p profile
		if json.Unmarshal(raw, &p) == nil {
			profiles = append(profiles, p)
		}
	}
	for _, raw := range r.policies {
		var p policy
		if json.Unmarshal(raw, &p) != nil || !p.matches(c) {
			continue
		}
		for _, f := range profiles {
			if slices.Contains(p.Profiles, f.Name) && slices.ContainsFunc(f.Executors, func(e executor) bool { return e.Executor == name }) {
				return true
			}
		}
	}
	return false
}

const signingAlgorithm = "token.endpoint.auth.signing.alg"

// allowedByFAPI are the signature algorithms that the executor accepts.
func allowedByFAPI(algorithm string) bool {
	return slices.Contains([]string{"PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}, algorithm)
}

// configure applies policies to an update before it is carried out. They refuse
// what they do not allow and set what the update leaves out, whatever the client
// had.
func (s *Server) configure(realm *realm, c *client, r *representation) *refusal {
	acts := func(name string) bool { return s.executes(realm, c, name) }
	set := func(attribute, value string) {
		if r.Attributes == nil {
			r.Attributes = map[string]*string{}
		}
		r.Attributes[attribute] = &value
	}
	yes, no, jwt := true, false, "client-jwt"
	if acts("secure-client-authenticator") {
		switch {
		case r.Method == nil:
			r.Method = &jwt
		case *r.Method != "client-jwt" && *r.Method != "client-x509":
			return &refusal{http.StatusBadRequest, "invalid_client_metadata", "Invalid client metadata: token_endpoint_auth_method"}
		}
	}
	if acts("secure-signature-algorithm") {
		for _, name := range []string{
			signingAlgorithm, "access.token.signed.response.alg", "id.token.signed.response.alg",
			"user.info.response.signature.alg", "request.object.signature.alg",
		} {
			switch value, named := r.Attributes[name]; {
			case !named || value == nil:
				set(name, "PS256")
			case !allowedByFAPI(*value):
				return algorithmRefused()
			}
		}
	}
	if acts("consent-required") {
		r.Consent = &yes
	}
	if acts("full-scope-disabled") {
		r.FullScope = &no
	}
	for executor, setting := range map[string][2]string{
		"holder-of-key-enforcer": {"tls.client.certificate.bound.access.tokens", "true"},
		"dpop-bind-enforcer":     {"dpop.bound.access.tokens", "true"},
		"pkce-enforcer":          {"pkce.code.challenge.method", "S256"},
	} {
		if acts(executor) {
			set(setting[0], setting[1])
		}
	}
	return nil
}

func algorithmRefused() *refusal {
	return &refusal{http.StatusBadRequest, "invalid_request", "not allowed signature algorithm."}
}

// assertionAlgorithm returns the algorithm of a form's assertion.
func assertionAlgorithm(form url.Values) string {
	header, _, _ := strings.Cut(form.Get("client_assertion"), ".")
	text, _ := base64.RawURLEncoding.DecodeString(header)
	var named struct{ Alg string }
	json.Unmarshal(text, &named)
	return named.Alg
}

// onTokenRequest checks what policies require of a client that has authenticated.
// The algorithm is that of its assertion, if it sent one. Mutual TLS is not
// implemented.
func (s *Server) onTokenRequest(realm *realm, c *client, algorithm string) *refusal {
	switch {
	case algorithm != "" && s.executes(realm, c, "secure-signature-algorithm-signed-jwt") && !allowedByFAPI(algorithm):
		return algorithmRefused()
	case s.executes(realm, c, "holder-of-key-enforcer"), c.attributes["tls.client.certificate.bound.access.tokens"] == "true":
		return &refusal{http.StatusBadRequest, "invalid_request", "Client Certification missing for MTLS HoK Token Binding"}
	}
	return nil
}
