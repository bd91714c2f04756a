package dcr

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/internal/retryafter"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/rest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// public is a key of RFC 8037 appendix A.2.
const public = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`

// FuzzAnswer checks that the metadata of a response holds no secret, that adding
// and removing a key leaves the set as it was, and that an update can be built
// from it.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `[]`, `<html>`, `{"client_secret":"s","registration_access_token":"t","client_secret_expires_at":1}`,
		`{"jwks":{"keys":[` + public + `,{"kty":"oct"}]},"client_secret":7,"client_secret_expires_at":1e300}`, `{"jwks":null}`, `{"jwks":7}`,
	} {
		f.Add([]byte(seed))
	}
	key, err := keys.ParsePublic([]byte(public), keys.Options{KeyID: "a kid of its own"})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte) {
		a, ok := readAnswer(body)
		if !ok {
			return
		}
		assert.NotContains(t, a.Metadata, "client_secret")
		assert.NotContains(t, a.Metadata, "registration_access_token")
		cred, reg := a.credential()
		assert.Equal(t, cred.Fingerprint(), reg.Fingerprint)

		before, err := a.keys()
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		a.forUpdate("app")
		added, err := a.add(key)
		require.NoError(t, err)
		after, err := a.keys()
		require.NoError(t, err)
		if added && assert.Len(t, after, len(before)+1) {
			assert.Equal(t, key.Thumbprint(), after[len(before)].thumbprint)
		}
		text, err := json.Marshal(a.Metadata)
		require.NoError(t, err)
		again, ok := readAnswer(text)
		require.True(t, ok)
		assert.Len(t, again.Metadata, len(a.Metadata))
	})
}

// FuzzRefusal checks that an error shows the code and nothing else of the body.
func FuzzRefusal(f *testing.F) {
	f.Add(400, "", []byte(`{"error":"invalid_client_metadata","error_description":"x"}`))
	f.Add(401, "120", []byte(`{"error":"a Secret"}`))
	f.Add(500, "-1", []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, retryAfter string, body []byte) {
		err := refusal(&rest.Answer{Status: status, Header: http.Header{"Retry-After": {retryAfter}}, Body: keys.NewSecret(string(body))})
		var e *Error
		require.ErrorAs(t, err, &e)
		assert.Regexp(t, `^[a-z_]{0,40}$`, e.Code)
		assert.True(t, e.Wait >= 0 && e.Wait <= retryafter.Max)
		assert.Regexp(t, `^[ -~]{1,200}$`, err.Error())
	})
}

// FuzzStored checks that a registration that was read can be saved and read again.
func FuzzStored(f *testing.F) {
	f.Add([]byte(`{"client_id":"app","registration_client_uri":"https://as.example.no/r","registration_access_token":"t"}`))
	f.Add([]byte(`{"registration_client_uri":7}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"instead":"being made"}`))
	f.Add([]byte(`{"instead":"x","registration_client_uri":"y"}`))
	f.Fuzz(func(t *testing.T, blob []byte) {
		store := &selfservice.Mem{}
		c := &Client{Store: store}
		_, err := store.Save(t.Context(), blob, "")
		require.NoError(t, err)
		r, version, err := c.registration(t.Context())
		if err != nil {
			require.True(t, errors.Is(err, selfservice.ErrCorrupt) || errors.Is(err, ErrNotAdopted))
			return
		}
		_, err = c.save(t.Context(), r, version)
		require.NoError(t, err)
		again, _, err := c.registration(t.Context())
		require.NoError(t, err)
		assert.True(t, r.AccessToken.Equal(again.AccessToken))
		again.AccessToken = r.AccessToken // DeepEqual cannot look into a Secret
		assert.Equal(t, r, again)
	})
}
