package admin_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestErrorsDoNotQuoteWhatWasSent makes a server, or a gateway in front of it,
// echo the secret that a call sent, escaped the way PHP and .NET do.
func TestErrorsDoNotQuoteWhatWasSent(t *testing.T) {
	const token, secret = "the+admin's/opaque=token", "store/pass+word/of-32-characters-or-more"
	base := providertest.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		if r.Method == http.MethodGet || r.Method == http.MethodPut && !strings.Contains(string(body), secret) {
			w.Write([]byte(`{"id":"1","clientId":"app","clientAuthenticatorType":"client-secret","attributes":{}}`))
			return
		}
		quoted := "no value of yours"
		if strings.Contains(string(body), secret) {
			quoted = secret
		}
		if strings.Contains(string(body), "store%2Fpass%2Bword%2F") {
			quoted = "store%2fpass%2bword%2fof-32-characters-or-more"
		}
		quoted = strings.NewReplacer("/", `\/`, "+", `\u002B`).Replace(quoted + " with " + strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte(`{"errorMessage":"no: ` + quoted + `","error":"bad","error_description":"no: ` + quoted + `"}`))
	}))
	realm := admin.Realm{Server: "http://localhost", Name: "r", Base: base}
	api := &admin.API{Realm: realm, Tokens: fixed(token)}
	ctx, password := t.Context(), keys.NewSecret(secret)
	store := admin.Keystore{Format: admin.FormatPKCS12, Alias: "app", Password: password}
	for name, call := range map[string]func() error{
		"download": func() error { _, err := api.DownloadKeystore(ctx, "1", store); return err },
		"generate": func() error { _, err := api.GenerateKeystore(ctx, "1", store); return err },
		"upload": func() error {
			return api.Upload(ctx, "1", admin.KeyFile{Format: admin.FormatBCFKS, Alias: "app", Password: password, Private: true})
		},
		"update a secret": func() error { return api.UpdateClient(ctx, "1", admin.Change{Secret: keys.NewSecret(secret)}) },
	} {
		err := call()
		require.Error(t, err, name)
		text, jsonErr := json.Marshal(err)
		require.NoError(t, jsonErr)
		assert.Contains(t, err.Error(), "no: [redacted] with", name)
		for _, part := range []string{"pass", "word", "opaque"} {
			assert.NotContains(t, err.Error()+string(text), part, name)
		}
	}

	api.Realm.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		return nil, errors.New("malformed HTTP response " + r.Header.Get("Authorization"))
	})
	_, err := api.DownloadKeystore(ctx, "1", store)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "opaque")
}
