package keycloak_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
)

// FuzzAnswers reads any body as the answer to every call that reads one. No
// error may quote what looks like a secret.
func FuzzAnswers(f *testing.F) {
	const secret = "tZ3kq9vRr2mWc8yLh5pXn7bJd4gFs6aE"
	f.Add(200, []byte(`[{"id":"1","clientId":"app","attributes":{"use.jwks.string":"true","jwks.string":"{\"keys\":[]}"}}]`))
	f.Add(200, []byte(`{"id":"1","clientId":"app","attributes":{"use.jwks.string":"true","jwks.string":"{\"keys\":[{\"kty\":\"EC\"}]}"}}`))
	f.Add(200, []byte(`{"profiles":[{"name":"p","executors":[{"executor":"secret-rotation","configuration":{"expiration-period":"10"}}]}]}`))
	f.Add(200, []byte(`{"policies":[{"name":"q","conditions":[{"condition":"client-roles","configuration":{"roles":["a"]}}]}]}`))
	f.Add(200, []byte(`{"certificate":"MAA=","kid":"x","privateKey":"-----BEGIN X-----"}`))
	f.Add(200, []byte(`{"features":[{"name":"DPOP"}],"profileInfo":{},"providers":{"client-policy-executor":{"providers":{}}}}`))
	f.Add(400, []byte(`{"error":"`+secret+`","error_description":"`+secret+`"}`))
	f.Add(500, []byte(`{"errorMessage":"`+secret+`"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		status = 200 + (status%400+400)%400
		api := &admin.API{Tokens: fixed("token"), Realm: keycloak.Realm{Server: "https://k", Name: "r", Base: always{status, body}}}
		ctx := t.Context()
		_, err1 := api.FindClient(ctx, "app")
		_, err2 := api.ClientSecret(ctx, "1")
		_, err3 := api.Keys(ctx, "1")
		_, err4 := api.StoredKey(ctx, "1")
		_, err5 := api.RotationProfiles(ctx)
		_, err6 := api.Policies(ctx)
		_, err7 := api.ServerInfo(ctx)
		err8 := api.AddKey(ctx, "1", rsaKey().PublicKey())
		err9 := api.PutPolicy(ctx, admin.Policy{Name: "q", AccessTypes: []string{"public"}, Profiles: []string{"p"}})
		if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9); err != nil {
			assert.NotContains(t, err.Error(), secret)
			assert.Less(t, len(err.Error()), 9*500)
		}
	})
}

type always struct {
	status int
	body   []byte
}

func (a always) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a.body)), Request: r}, nil
}

// FuzzUpload checks files that somebody has before they are sent.
func FuzzUpload(f *testing.F) {
	f.Add("Certificate PEM", []byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))
	f.Add("Public Key PEM", []byte(`{"kty":"EC"}`))
	f.Add("JSON Web Key Set", []byte(`{"keys":[]}`))
	f.Add("PKCS12", []byte{0x30, 0x80})
	f.Add("JKS", []byte{0xfe, 0xed, 0xfe, 0xed})
	f.Fuzz(func(t *testing.T, format string, content []byte) {
		api := &admin.API{Tokens: fixed("token"), Realm: keycloak.Realm{Server: "https://k", Name: "r", Base: always{500, nil}}}
		assert.Error(t, api.Upload(t.Context(), "1", admin.KeyFile{Format: admin.Format(format), Content: content}))
	})
}

// FuzzTokenEndpoint sends anything to the fake's token endpoint.
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
