package admin_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
)

// FuzzAnswers gives any body to every call that reads one. No error may quote what
// looks like a secret.
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
	key := keystest.Key(f, keys.ES256).PublicKey()
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		status = 200 + (status%400+400)%400
		api := &admin.API{Tokens: fixed("token"), Realm: admin.Realm{Server: "https://k", Name: "r", Base: always{status, body}}}
		ctx := t.Context()
		_, err1 := api.FindClient(ctx, "app")
		_, err2 := api.ClientSecret(ctx, "1")
		_, err3 := api.Keys(ctx, "1")
		_, err4 := api.StoredKey(ctx, "1")
		_, err5 := api.RotationProfiles(ctx)
		_, err6 := api.Policies(ctx)
		_, err7 := api.ServerInfo(ctx)
		err8 := api.AddKey(ctx, "1", key)
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

// FuzzUpload covers the checks of a file before it is sent.
func FuzzUpload(f *testing.F) {
	f.Add("Certificate PEM", []byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))
	f.Add("Public Key PEM", []byte(`{"kty":"EC"}`))
	f.Add("JSON Web Key Set", []byte(`{"keys":[]}`))
	f.Add("PKCS12", []byte{0x30, 0x80})
	f.Add("JKS", []byte{0xfe, 0xed, 0xfe, 0xed})
	f.Fuzz(func(t *testing.T, format string, content []byte) {
		api := &admin.API{Tokens: fixed("token"), Realm: admin.Realm{Server: "https://k", Name: "r", Base: always{500, nil}}}
		assert.Error(t, api.Upload(t.Context(), "1", admin.KeyFile{Format: admin.Format(format), Content: content}))
	})
}
