package assertion_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const unshown = "a-secret-that-must-not-be-shown-anywhere-at-all"

// everyWriting prints v in every way that programs print things.
func everyWriting(v any) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	text, err := json.Marshal(v)
	fmt.Fprintln(&b, string(text), err)
	slog.New(slog.NewTextHandler(&b, nil)).Info("m", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "v", v)
	fmt.Fprintln(&b, fmt.Errorf("wrapped: %v", v))
	return b.String()
}

// TestNothingPrintsASecret walks every exported type that can hold one, by
// pointer, inside another struct and, where it may be copied, by value.
func TestNothingPrintsASecret(t *testing.T) {
	key := testKey(t, keys.ES256)
	private, err := key.PrivateJWK()
	require.NoError(t, err)
	var jwk map[string]string
	require.NoError(t, json.Unmarshal(private, &jwk))

	secret := keys.NewSecret(unshown)
	source := sourceOf(t, answering(200, `{"access_token":"`+unshown+`","token_type":"Bearer","expires_in":600,"refresh_token":"`+unshown+`"}`))
	token, err := source.Token(t.Context())
	require.NoError(t, err)
	signer := &assertion.Signer{ClientID: clientID, Audience: issuer, Key: key}
	symmetric := &assertion.Signer{ClientID: clientID, Audience: issuer, Secret: secret}
	basic, post := &assertion.Basic{ClientID: clientID, Secret: secret}, &assertion.Post{ClientID: clientID, Secret: secret}
	failing := sourceOf(t, answering(401, `{"error":"invalid_client","error_description":"`+unshown+`"}`))
	failing.Auth = post
	_, refused := failing.Token(t.Context())
	require.Error(t, refused)
	for _, s := range []*assertion.TokenSource{source, failing} {
		s.Discard("") // waits for the flight to unlock: fmt looks into locks without locking
	}

	for name, v := range map[string]any{
		"Token": token, "Token by value": *token, "Token with a key": assertion.Token{AccessToken: secret, Key: key},
		"Signer": signer, "Signer by value": *signer, "Signer with a secret": symmetric, "Signer with a secret by value": *symmetric,
		"Basic": basic, "Basic by value": *basic, "Post": post, "Post by value": *post,
		"Transport": &assertion.Transport{Auth: basic}, "Transport by value": assertion.Transport{Auth: post},
		"TokenSource": source, "TokenSource that failed": failing, "Error": refused,
		"in a struct": struct {
			A assertion.Authenticator
			T *assertion.Token
			s *assertion.TokenSource
			t assertion.Token
		}{post, token, source, *token},
	} {
		t.Run(name, func(t *testing.T) {
			text := everyWriting(v)
			assert.NotContains(t, text, unshown)
			assert.NotContains(t, text, fmt.Sprintf("%x", unshown))
			assert.NotContains(t, text, strings.Trim(fmt.Sprint([]byte(unshown)), "[]"), "as numbers")
			assert.NotContains(t, text, jwk["d"], "the private key")
			assert.NotContains(t, text, url.QueryEscape(unshown))
		})
	}
	var e *assertion.Error
	require.True(t, errors.As(refused, &e))
	assert.Equal(t, "[redacted]", e.Description)
}
