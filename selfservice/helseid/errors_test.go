package helseid_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRefusals(t *testing.T) {
	server, client, key := setup(t)
	problem := http.Header{"Content-Type": {"application/problem+json"}}
	for name, c := range map[string]struct {
		status int
		header http.Header
		body   string
		want   helseid.Error
		text   string
	}{
		"problem details": {400, problem, `{"type":"https://nhn.no/bad","title":"Bad key","status":400,"detail":"too short","instance":"/1","errors":{"n":["x"]}}`,
			helseid.Error{Type: "https://nhn.no/bad", Title: "Bad key", Detail: "too short", Instance: "/1"}, "400 Bad key: too short"},
		"members of wrong types": {400, problem, `{"type":1,"title":["x"],"status":"x","detail":null,"instance":{}}`, helseid.Error{}, "400"},
		"status of the answer":   {409, problem, `{"title":"Duplicate","status":400}`, helseid.Error{Title: "Duplicate"}, "409 Duplicate"},
		"plain text":             {500, nil, `System.Exception: at line 1`, helseid.Error{}, "500"},
		"HTML":                   {502, nil, `<html><title>Bad gateway</title>`, helseid.Error{}, "502"},
		"no body":                {503, nil, ``, helseid.Error{}, "503"},
		"a list":                 {400, problem, `[{"title":"x"}]`, helseid.Error{}, "400"},
		"a gateway's 401":        {401, http.Header{"Www-Authenticate": {`DPoP error="invalid_dpop_proof"`}}, ``, helseid.Error{WWWAuthenticate: `DPoP error="invalid_dpop_proof"`}, "401"},
		"a gateway's 403":        {403, http.Header{"Www-Authenticate": {`DPoP error="insufficient_scope"`}}, ``, helseid.Error{WWWAuthenticate: `DPoP error="insufficient_scope"`}, "403"},
		"wait in seconds":        {429, http.Header{"Retry-After": {"17"}}, ``, helseid.Error{Wait: 17 * time.Second}, "429"},
		"wait until a date":      {503, http.Header{"Retry-After": {"Sat, 21 Nov 2026 10:00:30 GMT"}, "Date": {"Sat, 21 Nov 2026 10:00:00 GMT"}}, ``, helseid.Error{Wait: 30 * time.Second}, "503"},
		"wait until a past date": {503, http.Header{"Retry-After": {"Sat, 21 Nov 2026 09:00:30 GMT"}, "Date": {"Sat, 21 Nov 2026 10:00:00 GMT"}}, ``, helseid.Error{}, "503"},
		"wait too long":          {503, http.Header{"Retry-After": {"99999999999999"}}, ``, helseid.Error{Wait: time.Hour}, "503"},
		"wait for nonsense":      {503, http.Header{"Retry-After": {"-1"}}, ``, helseid.Error{}, "503"},
		"a redirect":             {307, http.Header{"Location": {"https://evil.example/"}}, ``, helseid.Error{}, "307"},
		"control characters":     {400, problem, `{"title":" a\u001b[31m\r\nb\u202e ","detail":"c\u0000d"}`, helseid.Error{Title: "a [31m  b", Detail: "c d"}, "400 a [31m  b: c d"},
		"long":                   {400, problem, `{"detail":"` + strings.Repeat("bø ", 200) + `"}`, helseid.Error{Detail: strings.Repeat("bø ", 74) + "b…"}, "400: " + strings.Repeat("bø ", 74) + "b…"},
		"unterminated":           {400, problem, `{"title":"x` + strings.Repeat("y", 2<<20), helseid.Error{}, "400"},
	} {
		t.Run(name, func(t *testing.T) {
			server.Inject(selfService(c.status, c.header, c.body))
			_, err := client.UpdateClientSecret(t.Context(), key, key.PublicKey())
			var got *helseid.Error
			require.ErrorAs(t, err, &got)
			require.ErrorIs(t, err, helseid.ErrRefused)
			c.want.Rule, c.want.Status = helseid.ErrRefused, c.status
			assert.Equal(t, c.want, *got)
			assert.Equal(t, "helseid: the self-service API refused the request: "+c.text, err.Error())
		})
	}
}

func TestErrorsNameTheFailedServer(t *testing.T) {
	cut, slow := helseidtest.Fault{Cut: true}, helseidtest.Fault{Delay: 50 * time.Millisecond}
	for name, c := range map[string]struct {
		path   string
		fault  helseidtest.Fault
		prefix string
	}{
		"no metadata":             {"/.well-known/openid-configuration", cut, "assertion: discovery: "},
		"no token":                {"/connect/token", cut, "assertion: token request: "},
		"no token in time":        {"/connect/token", slow, "assertion: waiting for a token: "},
		"no API":                  {"/v1/client-secret", cut, "helseid: calling the self-service API: "},
		"no answer of it in time": {"/v1/client-secret", slow, "helseid: calling the self-service API: "},
	} {
		t.Run(name, func(t *testing.T) {
			server, client, key := setup(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			server.Inject(func(_ int, r *http.Request) *helseidtest.Fault {
				if r.URL.Path != c.path {
					return nil
				}
				if c.fault.Delay > 0 {
					cancel()
				}
				return &c.fault
			})
			_, err := client.ClientSecrets(ctx, key)
			require.Error(t, err)
			rest, ok := strings.CutPrefix(err.Error(), c.prefix)
			assert.True(t, ok, err)
			assert.NotContains(t, rest, "assertion:")
			assert.NotContains(t, rest, "helseid:")
		})
	}
}

func TestEchoedTokensAndKeysAreRedacted(t *testing.T) {
	server, client, key := setup(t)
	wire := record(client)
	require.NoError(t, client.VerifyKey(t.Context(), key))
	_, err := client.ClientSecrets(t.Context(), key)
	require.NoError(t, err)
	call := wire.to("/v1/client-secret")[0]
	token := strings.TrimPrefix(call.Header.Get("Authorization"), "DPoP ")
	private, err := key.PrivateJWK()
	require.NoError(t, err)
	for _, secret := range []string{token, call.Header.Get("DPoP"), string(private)} {
		echo := strings.ReplaceAll(secret, `"`, `'`)
		server.Inject(selfService(400, http.Header{"Www-Authenticate": {echo}}, `{"title":"`+echo+`","detail":"bad `+echo+` given","type":"`+echo+`","instance":"`+echo+`"}`))
		_, err = client.ClientSecrets(t.Context(), key)
		require.ErrorIs(t, err, helseid.ErrRefused)
		text := fmt.Sprintf("%v %+v %#v", err, err, err)
		assert.Contains(t, text, "[redacted]")
		for part := range strings.FieldsFuncSeq(echo, func(r rune) bool { return strings.ContainsRune(`.'{}:, `, r) }) {
			if len(part) > 40 {
				assert.NotContains(t, text, part)
			}
		}
	}
}

func TestClientFormat(t *testing.T) {
	server, client, key := setup(t)
	client.DPoPKey = key
	_, err := client.ClientSecrets(t.Context(), key)
	require.NoError(t, err)
	want := `HelseID client "my-client" at ` + server.URL()
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		assert.Equal(t, want, fmt.Sprintf(format, client))
	}
}

func TestUnsafeAddressesAreRefused(t *testing.T) {
	wire := new(recorder)
	for _, base := range []string{
		"", "://", "/v1", "http://api.selvbetjening.nhn.no", "ftp://localhost", "http://127.0.0.1.nip.io",
		"https://user:pass@api.selvbetjening.nhn.no", "https://api.selvbetjening.nhn.no?x=1", "https://api.selvbetjening.nhn.no#x",
	} {
		client := &helseid.Client{Environment: helseid.Environment{Authority: helseid.Test.Authority, BaseAddress: base}, Base: wire}
		_, err := client.ClientSecrets(t.Context(), newKey(t))
		require.ErrorIs(t, err, helseid.ErrAddress, base)
		assert.NotContains(t, err.Error(), "pass")
	}
	client := &helseid.Client{Environment: helseid.Environment{Authority: "http://helseid-sts.test.nhn.no", BaseAddress: helseid.Test.BaseAddress}, Base: wire}
	require.Error(t, client.VerifyKey(t.Context(), newKey(t)))
	assert.Empty(t, wire.sent)
}

func TestBaseAddressIsJoined(t *testing.T) {
	server, client, key := setup(t)
	for _, suffix := range []string{"", "/"} {
		client := client.For(clientID)
		client.Environment.BaseAddress = server.URL() + suffix
		_, err := client.ClientSecrets(t.Context(), key)
		require.NoError(t, err, suffix)
	}
	wire := record(client)
	client.Environment.BaseAddress = server.URL() + "/gateway/helseid/"
	_, err := client.ClientSecrets(t.Context(), key)
	require.ErrorIs(t, err, helseid.ErrRefused)
	assert.Len(t, wire.to("/gateway/helseid/v1/client-secret"), 1)
}
