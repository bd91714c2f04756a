package helseid

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/internal/retryafter"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/rest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseExpiration(t *testing.T) {
	day := time.Date(2027, 2, 20, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		`null`:                                  {},
		``:                                      {},
		`"2027-02-20T00:00:00Z"`:                day,
		`"2027-02-20t00:00:00z"`:                day,
		`"2027-02-20T00:00:00+00:00"`:           day,
		`"2027-02-20T01:00:00+01:00"`:           day,
		`"2027-02-19T18:15:00-05:45"`:           day,
		`"2027-02-20T00:00:00"`:                 day,
		`"2027-02-20T00:00:00.1234567"`:         day.Add(123456700),
		`"2027-02-20T00:00:00.5Z"`:              day.Add(5e8),
		`"2027-02-20T02:00:00.123456789+02:00"`: day.Add(123456789),
		`"9999-12-31T23:59:59.9999999"`:         time.Date(9999, 12, 31, 23, 59, 59, 999999900, time.UTC),
		`"0001-01-01T00:00:00"`:                 {}, // .NET's zero value
	} {
		got, err := parseExpiration(json.RawMessage(text))
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{
		`""`, `"never"`, `1771545600`, `{}`, `[]`, `true`, `"2027-02-20"`, `"2027-02-30T00:00:00Z"`, `"2027-02-20 00:00:00Z"`,
		`"2027-02-20T00:00:00 Z"`, `"2027-02-20T25:00:00Z"`, `"9999-12-31T23:59:59-01:00"`, `"0001-01-01T00:00:00+01:00"`, `"2027-02-20T00:00:00Z`,
	} {
		_, err := parseExpiration(json.RawMessage(text))
		require.ErrorIs(t, err, ErrMalformed, text)
	}
}

func TestMetadataIsReadOnceADayAndSurvivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, down := 0, false
		c := &Client{Environment: Test, Base: roundTripper(func(*http.Request) (*http.Response, error) {
			if calls++; down {
				return nil, errors.New("no route")
			}
			body := `{"issuer":"` + Test.Authority + `","token_endpoint":"` + Test.Authority + `/connect/token"}`
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
		})}
		ask := func(want int) {
			m, err := c.discover(t.Context())
			require.NoError(t, err)
			assert.Equal(t, Test.Authority+"/connect/token", m.TokenEndpoint)
			assert.Equal(t, want, calls)
		}
		ask(1)
		time.Sleep(23 * time.Hour)
		ask(1)
		time.Sleep(2 * time.Hour)
		ask(2)
		down = true
		time.Sleep(25 * time.Hour)
		ask(3)
		_, err := (&Client{Environment: Test, Base: c.Base}).discover(t.Context())
		assert.ErrorContains(t, err, "no route", "a new client has no copy")
	})
}

// TestMetadataThatHangsDelaysOneCallAMinute, and that a little, while there is
// older metadata.
func TestMetadataThatHangsDelaysOneCallAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, hangs := 0, false
		c := &Client{Environment: Test, Base: roundTripper(func(r *http.Request) (*http.Response, error) {
			if calls++; hangs {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			body := `{"issuer":"` + Test.Authority + `","token_endpoint":"` + Test.Authority + `/connect/token"}`
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
		})}
		ask := func() time.Duration {
			began := time.Now()
			_, err := c.discover(t.Context())
			assert.NoError(t, err)
			return time.Since(began)
		}
		ask()
		time.Sleep(25 * time.Hour)
		hangs = true
		for n := range 3 {
			go ask()
			synctest.Wait()
			assert.Zero(t, ask(), "it waits for another caller's request")
			time.Sleep(metadataTimeout)
			assert.Zero(t, ask())
			assert.Equal(t, n+2, calls)
			time.Sleep(metadataRetry)
		}
		assert.Equal(t, metadataTimeout, ask())
		hangs = false
		time.Sleep(metadataRetry)
		assert.Zero(t, ask())
		assert.Equal(t, 6, calls)
		hangs = true
		time.Sleep(23 * time.Hour)
		assert.Zero(t, ask())
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func FuzzParseExpiration(f *testing.F) {
	for _, seed := range []string{`null`, `"2027-02-20T00:00:00Z"`, `"2027-02-20T00:00:00.5"`, `"2027-02-20T01:00:00+01:00"`, `1`, `"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := parseExpiration(raw)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		assert.Equal(t, time.UTC, got.Location())
		if got.IsZero() {
			return
		}
		text, err := json.Marshal(got)
		require.NoError(t, err)
		again, err := parseExpiration(text)
		require.NoError(t, err)
		assert.True(t, got.Equal(again))
	})
}

func FuzzProblemDetails(f *testing.F) {
	f.Add(400, "", `{"type":"about:blank","title":"Bad","status":400,"detail":"x","instance":"/1"}`)
	f.Add(401, `DPoP error="invalid_token"`, ``)
	f.Add(429, "", `{"title":1,"detail":"`+strings.Repeat("A", 400)+`"}`)
	f.Add(500, "", "{\"title\":\"\\ud800 \u202e\xff\"}")
	f.Fuzz(func(t *testing.T, status int, challenge, body string) {
		e := refusal(&rest.Answer{Status: status, Header: http.Header{"Www-Authenticate": {challenge}, "Retry-After": {challenge}}, Body: keys.NewSecret(body)})
		for _, text := range []string{e.Type, e.Title, e.Detail, e.Instance, e.WWWAuthenticate} {
			assert.Equal(t, redact.Line(text, redact.MaxText), text, "not sanitized")
		}
		assert.GreaterOrEqual(t, e.Wait, time.Duration(0))
		assert.LessOrEqual(t, e.Wait, retryafter.Max)
		assert.NotContains(t, e.Error(), "\n")
	})
}

// FuzzAnswers: every error is ErrMalformed.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `{}`, `{"expiration":"2027-02-20T00:00:00Z"}`, `[{"kid":"a","jwkThumbprint":"x","origin":"Gui","expiration":null}]`,
		`[{"publicJwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}]`, `[null,7]`, `<html>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		expires, err := parseRegistered(http.StatusOK, body)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			assert.Zero(t, expires)
		}
		list, err := parseList(http.StatusOK, body)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			assert.Nil(t, list)
		}
		for _, s := range list {
			assert.Contains(t, []int{0, thumbprintLength}, len(s.Thumbprint))
			assert.Equal(t, time.UTC, s.Expiration.Location())
			if s.PublicKey != nil {
				assert.NotEmpty(t, s.Thumbprint)
			}
		}
	})
}
