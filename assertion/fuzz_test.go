package assertion_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/internal/retryafter"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzTokenAnswer checks that every response of a token endpoint results in a token
// that is valid in a header or in a clean *Error.
func FuzzTokenAnswer(f *testing.F) {
	f.Add(200, `{"access_token":"t","token_type":"Bearer","expires_in":600,"scope":"a b"}`, "", "")
	f.Add(200, `{"access_token":"t","token_type":"bearer","expires_in":"1e9","rejected_scope":["a"]}`, "", "")
	f.Add(400, `{"error":"invalid_client","error_description":"eyJhbGciOiJub25lIn0.e30."}`, "Sat, 21 Nov 2026 10:00:00 GMT", "120")
	f.Add(429, "\xff\x00", "x", "Sat, 21 Nov 2026 10:00:00 GMT")
	f.Fuzz(func(t *testing.T, status int, body, date, retry string) {
		token, err := sourceOf(t, answering(status, body, "Date", date, "Retry-After", retry)).Token(t.Context())
		if err == nil {
			assert.Equal(t, "Bearer", token.Type)
			assert.Regexp(t, `^[\x21-\x7e]+$`, token.AccessToken.Reveal())
			token.OAuth2()
			return
		}
		var e *assertion.Error
		require.True(t, errors.As(err, &e))
		assert.Less(t, len(err.Error()), 600)
		assert.True(t, utf8.ValidString(err.Error()))
		assert.Equal(t, -1, strings.IndexFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }))
		assert.True(t, e.Wait >= 0 && e.Wait <= retryafter.Max)
	})
}

// FuzzMetadata checks that accepted metadata is of the right issuer and has only
// endpoints that are safe for credentials.
func FuzzMetadata(f *testing.F) {
	f.Add(metadata(issuer, nil))
	f.Add(metadata(issuer, map[string]any{"token_endpoint": "https://[::1"}))
	f.Add(metadata(issuer, map[string]any{"jwks_uri": "http://as.example.com/%zz"}))
	f.Fuzz(func(t *testing.T, body string) {
		m, err := assertion.Discover(t.Context(), answering(200, body), issuer)
		if err != nil {
			var e *assertion.Error
			require.True(t, errors.As(err, &e))
			return
		}
		assert.Equal(t, issuer, m.Issuer)
		assert.True(t, strings.HasPrefix(strings.ToLower(m.TokenEndpoint), "https://"))
		for _, endpoint := range []string{m.JWKSURI, m.PAREndpoint, m.DeviceAuthorizationEndpoint, m.AuthorizationEndpoint} {
			assert.True(t, endpoint == "" || strings.HasPrefix(strings.ToLower(endpoint), "https://"))
		}
	})
}

// FuzzExtraClaims checks that an assertion with any client ID and extra claim is
// refused or holds exactly the given values.
func FuzzExtraClaims(f *testing.F) {
	f.Add("client", "assertion_details", `{"type":"x"}`)
	f.Add(`a","sub":"b`, "\u2028", `"</script>"`)
	f.Add("c", "Exp", `1`)
	f.Fuzz(func(t *testing.T, id, name, value string) {
		var v any
		if id == "" || json.Unmarshal([]byte(value), &v) != nil {
			return
		}
		s := testSigner(t)
		s.ClientID, s.Claims = id, map[string]any{name: v}
		token, err := s.Assertion(t.Context())
		if err != nil {
			assert.True(t, errors.Is(err, assertion.ErrClaim) || errors.Is(err, assertion.ErrConfig))
			return
		}
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		require.NoError(t, err)
		var claims map[string]any
		require.NoError(t, json.Unmarshal(payload, &claims))
		assert.Len(t, claims, 8)
		assert.Equal(t, id, claims["iss"])
		assert.Equal(t, id, claims["sub"])
		assert.Equal(t, issuer, claims["aud"])
		assert.Equal(t, v, claims[name])
	})
}
