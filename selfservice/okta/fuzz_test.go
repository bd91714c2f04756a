package okta

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/internal/retryafter"
	"github.com/nokkel/nokkel/selfservice/rest"
	"github.com/stretchr/testify/assert"
)

func FuzzChallenge(f *testing.F) {
	f.Add(`Bearer error="a", error_description="b, error=\"c\"", scope=d`)
	f.Add(`DPoP algs="RS256 ES256", error="invalid_dpop_proof"`)
	f.Add(`error`)
	f.Add(`Basic realm="x\`)
	f.Fuzz(func(t *testing.T, challenge string) {
		err := refusal(&rest.Answer{Status: 403, Header: http.Header{"Www-Authenticate": {challenge}}})
		assert.LessOrEqual(t, len(err.Code)+len(err.Description), 2*redact.MaxText)
		written := `Bearer realm="x", error_description="` + escape(challenge) + `", error=found`
		assert.Equal(t, "found", parameter(written, "error"))
		assert.Equal(t, challenge, parameter(written, "error_description"))
	})
}

func escape(s string) string {
	var b []byte
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return string(b)
}

func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		"", "null", "[]", `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","id":"pks1","use":null}]}`,
		`{"jwks":{"keys":[{"id":"pks1","status":"INACTIVE","kid":"a"}]}}`, `[{"id":"ocs1","client_secret":"s","created":"2022-01-10T21:06:31.000Z"}]`,
		`{"id":"0oa1","credentials":{"oauthClient":{"client_id":"c"}},"settings":{"oauthClient":{"jwks":{"keys":[{}]}}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := parseKeys(body)
		for _, k := range list {
			assert.NoError(t, err)
			assert.Equal(t, k.PublicKey == nil, k.Thumbprint() == "")
			k.registration()
		}
		var s Secret
		if json.Unmarshal(body, &s) == nil {
			assert.False(t, s.Is(""))
		}
		if app, err := parseApp(body); err == nil {
			assert.NotEmpty(t, app.ClientID)
		}
	})
}

func FuzzRateLimit(f *testing.F) {
	f.Add("100", "0", "1700000000", "Thu, 26 Nov 2026 12:00:00 GMT")
	f.Add("0", "0", "", "")
	f.Fuzz(func(t *testing.T, limit, remaining, reset, date string) {
		h := http.Header{"X-Rate-Limit-Limit": {limit}, "X-Rate-Limit-Remaining": {remaining}, "X-Rate-Limit-Reset": {reset}, "Date": {date}}
		wait := limitWait(h, time.Now())
		assert.True(t, wait >= 0 && wait <= retryafter.Max+time.Second)
	})
}
