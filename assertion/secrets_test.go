package assertion_test

import (
	"net/url"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const unshown = "a-secret-that-must-not-be-shown-anywhere-at-all"

func TestNoTypeShowsASecret(t *testing.T) {
	key := testKey(t, keys.ES256)
	secret := keys.NewSecret(unshown)
	source := sourceOf(t, answering(200, `{"access_token":"`+unshown+`","token_type":"Bearer","expires_in":600,"refresh_token":"`+unshown+`"}`))
	token, err := source.Token(t.Context())
	require.NoError(t, err)
	basic, post := &assertion.Basic{ClientID: clientID, Secret: secret}, &assertion.Post{ClientID: clientID, Secret: secret}
	failing := sourceOf(t, answering(401, `{"error":"invalid_client","error_description":"`+unshown+`"}`))
	failing.Auth = post
	_, refused := failing.Token(t.Context())
	require.Error(t, refused)

	values := map[string][]any{
		"Basic":     {basic},
		"Error":     {refused},
		"Metadata":  {&assertion.Metadata{Issuer: issuer}},
		"MutualTLS": {&assertion.MutualTLS{ClientID: clientID}},
		"Moving":    {&assertion.Moving{From: basic, To: post}},
		"Post":      {post},
		"Signer": {
			&assertion.Signer{ClientID: clientID, Audience: issuer, Key: key},
			&assertion.Signer{ClientID: clientID, Audience: issuer, Secret: secret},
		},
		"Token":       {token, assertion.Token{AccessToken: secret, Key: key}},
		"TokenSource": {source, failing, source.OAuth2(t.Context())},
		"Transport":   {&assertion.Transport{Auth: basic}, &assertion.Transport{Auth: post}},
	}
	secrets := append(keystest.Secrets(t, key), []byte(unshown), []byte(url.QueryEscape(unshown)))
	keystest.PackageRedacted(t, values, secrets...)

	var e *assertion.Error
	require.ErrorAs(t, refused, &e)
	assert.Equal(t, "[redacted]", e.Description)
}
