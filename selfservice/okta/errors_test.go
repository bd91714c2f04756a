package okta

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/internal/retryafter"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/rest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRefusals of captured answers, and of answers in Okta's documentation.
func TestRefusals(t *testing.T) {
	const noAccess = `Bearer authorization_uri="http://acme.okta.com/oauth2/v1/authorize", realm="http://acme.okta.com", scope="okta.apps.manage", error="insufficient_scope", error_description="The access token provided does not contain the required scopes.", resource="/api/v1/apps/0oa1"`
	const replay = `DPoP algs="RS256 RS384 RS512 ES256 ES384 ES512", authorization_uri="http://acme.okta.com/oauth2/v1/authorize", realm="http://acme.okta.com", scope="okta.apps.read", error="invalid_dpop_proof", error_description="The DPoP proof JWT has already been used.", resource="/api/v1/apps/0oa1"`
	body := func(code, summary, cause string) string {
		return `{"errorCode":"` + code + `","errorSummary":"` + summary + `","errorLink":"` + code + `","errorId":"oae4","errorCauses":[{"errorSummary":"` + cause + `"}]}`
	}
	for name, c := range map[string]struct {
		status          int
		challenge, body string
		rule            error
		says            string
	}{
		"third secret":   {400, "", body("E0000001", "Api validation failed: OAuth2ClientSecretMediated", "You've reached the maximum number of client secrets per client."), ErrRefused, "the server refused the request: 400 E0000001: Api validation failed: OAuth2ClientSecretMediated You've reached the maximum number of client secrets per client."},
		"no causes":      {404, "", `{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: ocs1 (OAuth2ClientSecretMediated)"}`, ErrNotFound, "no such app or credential: 404 E0000007: Not found: Resource not found: ocs1 (OAuth2ClientSecretMediated)"},
		"token":          {401, "", body("E0000011", "Invalid token provided", ""), ErrUnauthorized, "the token is not accepted: 401 E0000011: Invalid token provided"},
		"role":           {403, "", body("E0000006", "You do not have permission to perform the requested action", ""), ErrForbidden, "Super Administrator"},
		"feature":        {401, "", body("E0000015", "You do not have permission to access the feature you are requesting", ""), ErrFeature, "off in this org"},
		"read-only":      {503, "", body("E0000010", "Service is in read only mode", ""), ErrReadOnly, "read-only mode: 503 E0000010"},
		"scope":          {403, noAccess, "", ErrScope, "grant the scope okta.apps.manage to the service app: 403 insufficient_scope: The access token provided does not contain the required scopes."},
		"replayed proof": {400, replay, "", ErrUnauthorized, "400 invalid_dpop_proof: The DPoP proof JWT has already been used."},
		"a proxy's page": {502, "", "<html>Bad gateway</html>", ErrRefused, "the server refused the request: 502"},
		"nothing at all": {403, "", "", ErrForbidden, "an administrator role is missing"},
		"other types":    {400, "", `{"errorCode":5,"errorSummary":["x"],"errorCauses":{}}`, ErrRefused, "refused the request: 400"},
		"other causes":   {401, "", `{"errorCode":"E0000015","errorSummary":"off","errorCauses":{}}`, ErrFeature, "off in this org: 401 E0000015: off"},
		"a hostile page": {400, "", body("E0000001", "token eyJhbGciOiJFUzI1NiIsImtpZCI6ImtleTEifQ.eyJhbGciOiJFUzI1NiJ9eyJhbGciOiJFUzI1NiJ9", ""), ErrRefused, "[redacted]"},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{"X-Okta-Request-Id": {"req7"}}
			if c.challenge != "" {
				h.Set("WWW-Authenticate", c.challenge)
			}
			err := refusal(&rest.Answer{Status: c.status, Header: h, Body: keys.NewSecret(c.body)})
			require.ErrorIs(t, err, c.rule)
			assert.Contains(t, err.Error(), c.says)
			assert.True(t, strings.HasPrefix(err.Error(), "okta: "))
			assert.Contains(t, err.Error(), "(request req7)")
			assert.NotContains(t, err.Error(), "eyJ")
		})
	}
}

// TestCapturedValues: secrets, their hashes and a rate limit from the Postman
// collection of Okta's guide, captured in January 2022.
func TestCapturedValues(t *testing.T) {
	for value, hash := range map[string]string{
		"D0HxBn1FtTXeYC4cSBwWL_sPMztMT2t6Ei9n1QjO": "tI4z6TbSw5YYd8RtcClaEw",
		"7U_MTFeIoRVHtPTcb4MY0gESLLisXfNRbbob1Quo": "cfQjsGNDYEn5e3rqJME_jQ",
	} {
		fingerprint := selfservice.Credential{Secret: keys.NewSecret(value)}.Fingerprint()
		hidden := &Secret{Hash: hash}
		assert.True(t, hidden.Is(fingerprint))
		assert.False(t, hidden.Is(selfservice.Credential{Secret: keys.NewSecret(value + "x")}.Fingerprint()))
		assert.False(t, hidden.Is(""))
		var s Secret
		require.NoError(t, json.Unmarshal([]byte(`{"id":"ocs14j4d1kdTKN9fg0h8","created":"2022-01-10T22:33:19.000Z","status":"ACTIVE","client_secret":"`+value+`","secret_hash":"`+hash+`"}`), &s))
		assert.Equal(t, fingerprint, s.Fingerprint())
		assert.Equal(t, time.Date(2022, 1, 10, 22, 33, 19, 0, time.UTC), s.Created)
	}
	assert.Equal(t, 46*time.Second, limitWait(http.Header{
		"Date": {"Mon, 10 Jan 2022 22:33:19 GMT"}, "X-Rate-Limit-Limit": {"100"}, "X-Rate-Limit-Remaining": {"0"}, "X-Rate-Limit-Reset": {"1641854044"},
	}, time.Now()))
}

func TestRateLimitWaits(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	header := func(limit, remaining, reset, date string) http.Header {
		h := http.Header{}
		for name, v := range map[string]string{"X-Rate-Limit-Limit": limit, "X-Rate-Limit-Remaining": remaining, "X-Rate-Limit-Reset": reset, "Date": date} {
			if v != "" {
				h.Set(name, v)
			}
		}
		return h
	}
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	server := now.Add(-time.Hour) // by the server's clock
	for name, c := range map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"by the server's clock": {header("100", "0", strconv.FormatInt(server.Add(42*time.Second).Unix(), 10), server.Format(http.TimeFormat)), 43 * time.Second},
		"without a Date":        {header("100", "0", at(10*time.Second), ""), 11 * time.Second},
		"reset already":         {header("100", "0", at(-10*time.Second), ""), time.Second},
		"too many at once":      {header("0", "0", at(59*time.Second), now.Format(http.TimeFormat)), time.Second},
		"no reset":              {header("100", "0", "", ""), 0},
		"not a number":          {header("100", "0", "soon", ""), 0},
		"milliseconds":          {header("100", "0", strconv.FormatInt(now.UnixMilli(), 10), ""), retryafter.Max + time.Second},
		"far in the future":     {header("100", "0", "9223372036854775807", ""), retryafter.Max + time.Second},
		"far in the past":       {header("100", "0", "-9223372036854775807", ""), time.Second},
	} {
		assert.Equal(t, c.want, limitWait(c.header, now), name)
	}
}

// TestRetryAfterFromRateLimit: a 429 without Retry-After gets one. Other answers
// do not change.
func TestRetryAfterFromRateLimit(t *testing.T) {
	for _, c := range []struct {
		status int
		given  string
		want   string
	}{{429, "", "61"}, {429, "7", "7"}, {503, "", ""}, {200, "", ""}} {
		h := http.Header{"X-Rate-Limit-Reset": {strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10)}, "Date": {time.Now().UTC().Format(http.TimeFormat)}}
		if c.given != "" {
			h.Set("Retry-After", c.given)
		}
		resp, err := limits{answers{c.status, h, ""}}.RoundTrip(&http.Request{})
		require.NoError(t, err)
		if c.want == "61" {
			assert.Contains(t, []string{"60", "61"}, resp.Header.Get("Retry-After"))
			continue
		}
		assert.Equal(t, c.want, resp.Header.Get("Retry-After"))
	}
}

type answers struct {
	status int
	header http.Header
	body   string
}

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

func TestOrgURL(t *testing.T) {
	for _, url := range []string{
		"", "acme.okta.com", "http://acme.okta.com", "https://acme-admin.okta.com", "https://acme-admin.oktapreview.com:443/",
		"https://acme.okta.com/oauth2/default", "https://user:pass@acme.okta.com", "https://acme.okta.com?x",
	} {
		_, err := (&Admin{Org: Org{URL: url}, APIToken: keys.NewSecret("t")}).Secrets(context.Background(), "0oa1")
		require.ErrorIs(t, err, ErrConfig, url)
	}
	for _, url := range []string{"https://acme.okta.com", "https://login.our-admin.example.no/", "https://an-admin.example.no"} {
		address, err := Org{URL: url}.address("/api/v1/apps/0oa1")
		require.NoError(t, err)
		assert.Equal(t, strings.TrimSuffix(url, "/")+"/api/v1/apps/0oa1", address)
	}
}

// TestEmptyMembersOfAKeyAreAbsent, like those that are null.
func TestEmptyMembersOfAKeyAreAbsent(t *testing.T) {
	key := keystest.Key(t, keys.ES256)
	for _, empty := range []string{`""`, "null"} {
		jwk := string(key.PublicKey().JWK())
		for name, value := range map[string]string{"use": "sig", "alg": "ES256", "kid": key.KeyID()} {
			jwk = strings.Replace(jwk, `"`+name+`":"`+value+`"`, `"`+name+`":`+empty, 1)
		}
		var k Key
		require.NoError(t, json.Unmarshal([]byte(jwk), &k))
		assert.Equal(t, key.Thumbprint(), k.Thumbprint(), jwk)
		assert.Empty(t, k.KeyID)
	}
}

func TestMalformedAnswers(t *testing.T) {
	a := func(body string) *Admin {
		return &Admin{Org: Org{URL: "https://acme.okta.com", Base: answers{200, nil, body}}, APIToken: keys.NewSecret("t")}
	}
	ctx := context.Background()
	for _, body := range []string{"<html>", `"text"`, `5`, `[5]`, `{"keys":5}`, `{"keys":[{"id":5}]}`, `[{"id":5}]`} {
		_, err := a(body).Keys(ctx, "0oa1")
		require.ErrorIs(t, err, ErrMalformed, body)
		if body[0] != '{' {
			_, err = a(body).Secrets(ctx, "0oa1")
			require.ErrorIs(t, err, ErrMalformed, body)
		}
		_, err = a(body).App(ctx, "0oa1")
		require.Error(t, err)
	}
	_, err := a(strings.Repeat(" ", maxBody+1)).Secrets(ctx, "0oa1")
	require.ErrorIs(t, err, ErrTooLarge)
	_, err = a(`{"id":"0oa1","credentials":{"userNameTemplate":{}}}`).App(ctx, "0oa1")
	require.ErrorIs(t, err, ErrMethod, "an app of another kind")
	for _, body := range []string{"", "null", "[]", "{}", " \n"} {
		list, err := a(body).Secrets(ctx, "0oa1")
		require.NoError(t, err, "%q", body)
		assert.Empty(t, list)
		keys, err := a(body).Keys(ctx, "0oa1")
		require.NoError(t, err, "%q", body)
		assert.Empty(t, keys)
	}
	_, err = a("").GenerateSecret(ctx, "0oa1")
	require.ErrorIs(t, err, ErrMalformed, "a secret without an ID")
	_, err = a("{}").Key(ctx, "0oa1", "pks1")
	require.ErrorIs(t, err, ErrMalformed)
	_, err = (&Admin{Org: Org{URL: "https://acme.okta.com"}}).Secrets(ctx, "0oa1")
	require.ErrorIs(t, err, ErrConfig)
}
