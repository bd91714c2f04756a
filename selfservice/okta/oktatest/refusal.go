package oktatest

import (
	"encoding/json"
	"net/http"
	"strconv"
)

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// fail answers in the shape of the management API.
func fail(w http.ResponseWriter, status int, code, summary string, causes ...string) {
	list := []map[string]string{}
	for _, c := range causes {
		list = append(list, map[string]string{"errorSummary": c})
	}
	answer(w, status, map[string]any{
		"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": "oae" + w.Header().Get("X-Okta-Request-Id"), "errorCauses": list,
	})
}

// invalid refuses what breaks a rule of the management API.
func invalid(w http.ResponseWriter, what, cause string) {
	fail(w, http.StatusBadRequest, "E0000001", "Api validation failed: "+what, cause)
}

const (
	ofSecret = "OAuth2ClientSecretMediated"
	ofKey    = "JsonWebKey"
)

func notFound(w http.ResponseWriter, id, what string) {
	answer(w, http.StatusNotFound, map[string]any{
		"errorCode": "E0000007", "errorSummary": "Not found: Resource not found: " + id + " (" + what + ")", "errorLink": "E0000007", "errorId": "oae" + w.Header().Get("X-Okta-Request-Id"),
	})
}

// challenge refuses an access token or a proof. The body is empty.
func challenge(w http.ResponseWriter, status int, scheme, code, description, scope string) {
	value := scheme + ` authorization_uri="http://okta.example/oauth2/v1/authorize", realm="http://okta.example"`
	if scheme == "DPoP" {
		value = `DPoP algs="RS256 RS384 RS512 ES256 ES384 ES512", authorization_uri="http://okta.example/oauth2/v1/authorize", realm="http://okta.example"`
	}
	value += ", scope=" + strconv.Quote(scope) + ", error=" + strconv.Quote(code) + ", error_description=" + strconv.Quote(description)
	w.Header().Set("WWW-Authenticate", value)
	w.WriteHeader(status)
}

// failOAuth answers in the shape of RFC 6749 §5.2.
func failOAuth(w http.ResponseWriter, status int, code, description string) {
	answer(w, status, map[string]string{"error": code, "error_description": description})
}
