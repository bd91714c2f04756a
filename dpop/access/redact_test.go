package access_test

import (
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/require"
)

// All values have seen a token.
func TestNoTypeShowsASecret(t *testing.T) {
	key := testKey(t, keys.ES256, 1)
	token := sign(t, key, nil, good(nil))
	v := newServer(key).verifier()
	_, err := v.Token(t.Context(), token)
	require.NoError(t, err)
	_, refused := v.Token(t.Context(), token+"x")
	require.Error(t, refused)

	const opaque, password = "an-opaque-token-that-nobody-may-see", "the-password-of-the-api"
	known := &knowing{tokens: map[string]string{opaque: active(t, nil)}}
	i := introspector(network(known.RoundTrip)) // fmt would print a struct
	i.Auth = &assertion.Basic{ClientID: "api", Secret: keys.NewSecret(password)}
	_, err = i.Token(t.Context(), opaque)
	require.NoError(t, err)
	_, inactive := i.Token(t.Context(), opaque+"x")
	require.Error(t, inactive)

	keystest.PackageRedacted(t, map[string][]any{
		"Error":        {refused, inactive},
		"Verifier":     {v},
		"Introspector": {i},
	}, append(keystest.Secrets(t, key), []byte(token), []byte(opaque), []byte(password))...)
}
