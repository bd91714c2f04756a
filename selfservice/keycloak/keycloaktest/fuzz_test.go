package keycloaktest_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
)

// FuzzTokenEndpoint sends any form to the fake's token endpoint.
func FuzzTokenEndpoint(f *testing.F) {
	f.Add("grant_type=client_credentials&client_id=boot&client_secret=wrong", "", "")
	f.Add("client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=eyJhbGciOiJIUzI1NiJ9.e30.AA", "", "x")
	f.Add("", "Basic Ym9vdDo=", "eyJhbGciOiJFUzI1NiJ9.e30.AA")
	server := keycloaktest.New("https://k")
	rt := providertest.Handler(server)
	f.Fuzz(func(t *testing.T, form, authorization, proof string) {
		req, err := http.NewRequest(http.MethodPost, "https://k/realms/master/protocol/openid-connect/token", bytes.NewReader([]byte(form)))
		assert.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header["Authorization"], req.Header["Dpop"] = []string{authorization}, []string{proof}
		resp, err := rt.RoundTrip(req)
		assert.NoError(t, err)
		assert.GreaterOrEqual(t, resp.StatusCode, 400, "nothing here knows the secret")
	})
}
