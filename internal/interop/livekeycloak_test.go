package interop_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const patientsAPI = "https://api.example.no"

// liveRealm creates a realm with these clients at a live Keycloak until the test
// ends. It returns the path of the issuer.
func liveRealm(t *testing.T, clients ...any) (path string) {
	t.Helper()
	address := os.Getenv("KEYCLOAK_URL")
	if address == "" {
		missing(t, "Keycloak", os.ErrNotExist)
	}
	master := keycloak.Realm{Server: address, Name: "master"}
	admin := master.Tokens(&assertion.Basic{
		ClientID: os.Getenv("KEYCLOAK_ADMIN_CLIENT_ID"), Secret: keys.NewSecret(os.Getenv("KEYCLOAK_ADMIN_CLIENT_SECRET")),
	}, nil)
	name := "interop-" + strings.ToLower(rand.Text()[:8])
	rest := func(method, path string, body any) {
		token, err := admin.Token(context.WithoutCancel(t.Context()))
		require.NoError(t, err)
		text, err := json.Marshal(body)
		require.NoError(t, err)
		req, err := http.NewRequest(method, address+"/admin/realms"+path, bytes.NewReader(text))
		require.NoError(t, err)
		req.Header = http.Header{"Authorization": {"Bearer " + token.AccessToken.Reveal()}, "Content-Type": {"application/json"}}
		status, answer := do(t, http.DefaultClient, req)
		require.Less(t, status, 300, answer)
	}
	rest(http.MethodPost, "", map[string]any{"realm": name, "enabled": true, "sslRequired": "none", "clients": clients})
	t.Cleanup(func() { rest(http.MethodDelete, "/"+name, nil) })
	return "/realms/" + name
}

// liveClient returns a client with a key and a service account, whose tokens have
// the audience patientsAPI.
func liveClient(t *testing.T, id string, key *keys.Key, more map[string]string) map[string]any {
	t.Helper()
	jwks, err := keys.Set{Keys: []*keys.PublicKey{key.PublicKey()}}.MarshalJSON()
	require.NoError(t, err)
	attributes := map[string]string{"use.jwks.string": "true", "jwks.string": string(jwks), "token.endpoint.auth.signing.alg": "ES256"}
	maps.Copy(attributes, more)
	return map[string]any{
		"clientId": id, "serviceAccountsEnabled": true, "clientAuthenticatorType": "client-jwt", "attributes": attributes,
		"protocolMappers": []any{audienceMapper("included.custom.audience", patientsAPI)},
	}
}

func audienceMapper(kind, audience string) map[string]any {
	return map[string]any{
		"name": kind, "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
		"config": map[string]string{kind: audience, "access.token.claim": "true", "introspection.token.claim": "true"},
	}
}

func keycloakAuthority(t *testing.T) authority {
	key, _ := newKey(t)
	path := liveRealm(t, liveClient(t, "stranger", key, map[string]string{"dpop.bound.access.tokens": "true", "access.token.header.type.rfc9068": "true"}))
	return authority{os.Getenv("KEYCLOAK_URL") + path, "openid", patientsAPI, key, nil}
}

// keycloakPlainAuthority issues tokens of Keycloak's default type.
func keycloakPlainAuthority(t *testing.T) authority {
	key, _ := newKey(t)
	path := liveRealm(t, liveClient(t, "stranger", key, map[string]string{"dpop.bound.access.tokens": "true"}))
	return authority{os.Getenv("KEYCLOAK_URL") + path, "openid", patientsAPI, key, []string{"-plain-type"}}
}

// keycloakIntrospected has the API introspect tokens. To Keycloak a token is
// inactive for a client outside its audience.
func keycloakIntrospected(t *testing.T) authority {
	key, _ := newKey(t)
	own, private := newKey(t)
	file := filepath.Join(t.TempDir(), "api.json")
	require.NoError(t, keys.WriteFile(file, private, false))
	stranger := liveClient(t, "stranger", key, map[string]string{"dpop.bound.access.tokens": "true"})
	stranger["protocolMappers"] = []any{audienceMapper("included.client.audience", "my-api")}
	path := liveRealm(t, stranger, liveClient(t, "my-api", own, nil))
	return authority{os.Getenv("KEYCLOAK_URL") + path, "openid", "my-api", key, []string{"-client", "my-api", "-key", file}}
}

// A token bound to a certificate is accepted only over a connection with that
// certificate (RFC 8705 §3).
func TestKeycloakBindsTokensToCertificates(t *testing.T) {
	key, _ := newKey(t)
	path := liveRealm(t, liveClient(t, "stranger", key, map[string]string{"tls.client.certificate.bound.access.tokens": "true"}))
	issuer := os.Getenv("KEYCLOAK_TLS_URL") + path
	right, wrong := certified(t), certified(t)
	text, err := os.ReadFile(os.Getenv("KEYCLOAK_CA"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(text))
	over := func(roots *x509.CertPool, with *keys.Key) *http.Transport {
		config := &tls.Config{RootCAs: roots}
		if with != nil {
			config.GetClientCertificate = certs.ClientCertificate(with)
		}
		base := &http.Transport{TLSClientConfig: config}
		t.Cleanup(base.CloseIdleConnections)
		return base
	}

	guard := &dpop.Middleware{
		Tokens: &access.Verifier{Issuer: issuer, Audiences: []string{patientsAPI}, PlainType: true, Base: over(roots, nil)},
		Proofs: &dpop.Verifier{Replay: &dpop.Memory{}}, Mode: dpop.RequireBound, BaseURL: patientsAPI,
	}
	api := httptest.NewUnstartedServer(guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(dpop.TokenFrom(r.Context()).ClientID))
	})))
	api.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	api.StartTLS()
	defer api.Close()
	apiRoots := x509.NewCertPool()
	apiRoots.AddCert(api.Certificate())

	tokens := &assertion.TokenSource{
		Endpoint: issuer + "/protocol/openid-connect/token", Base: over(roots, right),
		Auth: &assertion.Signer{ClientID: "stranger", Audience: issuer, Key: key},
	}
	token, err := tokens.Token(t.Context())
	require.NoError(t, err)
	for name, c := range map[string]struct {
		with   *keys.Key
		status int
	}{"its certificate": {right, 200}, "another": {wrong, 401}, "none": {nil, 401}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api.URL, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token.AccessToken.Reveal())
		status, body := do(t, &http.Client{Transport: over(apiRoots, c.with)}, req)
		assert.Equal(t, c.status, status, "%s: %s", name, body)
	}
}

// certified returns a key with a certificate that openssl issued by Keycloak's CA.
func certified(t *testing.T) *keys.Key {
	t.Helper()
	key, _ := newKey(t)
	request, err := certs.Request(t.Context(), key, certs.Template{Subject: pkix.Name{CommonName: "stranger"}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "request.pem")
	require.NoError(t, os.WriteFile(file, request, 0o600))
	answer, err := exec.Command("openssl", "x509", "-req", "-in", file, "-CA", os.Getenv("KEYCLOAK_CA"), "-CAkey", os.Getenv("KEYCLOAK_CA_KEY"), "-days", "1").Output()
	require.NoError(t, err)
	chain, err := certs.Parse(answer)
	require.NoError(t, err)
	key, err = certs.Attach(key, chain)
	require.NoError(t, err)
	return key
}
