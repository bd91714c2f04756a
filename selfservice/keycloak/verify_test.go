package keycloak_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/require"
)

// TestVerifyKnowsNothingOfABusyServer checks that Verify does not guess. A client
// without a service account gets the same answer from the token endpoint for a
// right secret and for a wrong one.
func TestVerifyKnowsNothingOfABusyServer(t *testing.T) {
	refusal := `{"error":"unauthorized_client","error_description":"Invalid client or Invalid client credentials"}`
	for status, want := range map[int]error{
		http.StatusServiceUnavailable: admin.ErrRefused, http.StatusTooManyRequests: admin.ErrRefused, http.StatusForbidden: selfservice.ErrInvalidClient,
	} {
		base := providertest.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/introspect") {
				w.WriteHeader(status)
				return
			}
			w.WriteHeader(http.StatusUnauthorized)
			w.Write([]byte(refusal))
		}))
		client := &keycloak.Client{Realm: keycloak.Realm{Server: fakeURL, Name: "test", Base: base}, ClientID: "web"}
		err := client.Verify(t.Context(), selfservice.Credential{Secret: firstSecret()})
		require.ErrorIs(t, err, want)
		require.Equal(t, want == selfservice.ErrInvalidClient, errors.Is(err, selfservice.ErrInvalidClient), status)
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
