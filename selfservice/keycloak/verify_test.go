package keycloak_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/require"
)

// TestVerifyDoesNotGuess uses a client without a service account, which gets the
// same answer from the token endpoint for a right secret and for a wrong one.
func TestVerifyDoesNotGuess(t *testing.T) {
	refusal := `{"error":"unauthorized_client","error_description":"Invalid client or Invalid client credentials"}`
	type answer struct {
		status int
		body   string
	}
	for introspection, refused := range map[answer]bool{
		{401, `{"error":"invalid_client","error_description":"Client authentication failed."}`}:              true,
		{401, `{"error":"invalid_request","error_description":"Authentication failed."}`}:                    true, // 26.0
		{400, `{"error":"invalid_client","error_description":"Parameter client_assertion_type is missing"}`}: true,
		{403, `{"error":"invalid_request","error_description":"Client not allowed."}`}:                       true, // it is public
		{503, ""}: false, {500, `{"error":"unknown_error"}`}: false, {429, ""}: false,
		// Of a proxy in front of it:
		{404, ""}: false, {403, "<html>"}: false, {403, ""}: false, {302, ""}: false, {408, ""}: false, {405, ""}: false, {400, ""}: false, {413, ""}: false,
		{401, ""}: false, {200, "<html>"}: false, {200, "{}"}: false, {204, ""}: false,
	} {
		base := providertest.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/introspect") {
				w.Header().Set("Location", "https://elsewhere.example/")
				w.WriteHeader(introspection.status)
				w.Write([]byte(introspection.body))
				return
			}
			w.WriteHeader(http.StatusUnauthorized)
			w.Write([]byte(refusal))
		}))
		client := &keycloak.Client{Realm: keycloak.Realm{Server: fakeURL, Name: "test", Base: base}, ClientID: "web"}
		err := client.Verify(t.Context(), selfservice.Credential{Secret: firstSecret()})
		require.Error(t, err)
		require.Equal(t, refused, errors.Is(err, selfservice.ErrInvalidClient), "%v: %v", introspection, err)
	}
}

// TestVerifyLimitsResponseHeaders checks the limit of 256 KiB without a Base.
func TestVerifyLimitsResponseHeaders(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 300<<10))
	}))
	defer server.Close()
	for _, nodes := range [][]string{nil, {server.URL}} {
		for _, bound := range []bool{false, true} {
			client := &keycloak.Client{Realm: keycloak.Realm{Server: server.URL, Name: "test", Nodes: nodes}, ClientID: "app", DPoP: bound}
			err := client.Verify(t.Context(), selfservice.Credential{Secret: firstSecret()})
			require.ErrorContains(t, err, "server response headers exceeded", "nodes %v, DPoP %t", nodes, bound)
		}
	}
}
