package dcr_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/stretchr/testify/require"
)

// TestClientCredentialsLimitsHeaders checks that without a Base a Prover accepts
// at most 256 KiB of response headers.
func TestClientCredentialsLimitsHeaders(t *testing.T) {
	size := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Long", strings.Repeat("x", size))
		io.WriteString(w, `{"access_token":"t","token_type":"DPoP","expires_in":60}`)
	}))
	defer server.Close()
	verify := func() error {
		return dcr.ClientCredentials{Prover: &dpop.Prover{}}.Verify(t.Context(), dcr.Attempt{
			ClientID: "c", Server: &assertion.Metadata{TokenEndpoint: server.URL},
			Auth: &assertion.Basic{ClientID: "c", Secret: keys.NewSecret("the secret of c")},
		})
	}
	size = 200 << 10
	require.NoError(t, verify())
	size = 300 << 10
	require.ErrorContains(t, verify(), "server response headers exceeded")
}
