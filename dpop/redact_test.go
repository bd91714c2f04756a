package dpop_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/require"
)

func TestNoTypeShowsASecret(t *testing.T) {
	const token = "an-access-token-that-nobody-may-see"
	server := newServer(t, false, func(w http.ResponseWriter, _ int, a attempt) {
		require.Equal(t, "DPoP "+token, a.Authorization)
		w.Header().Set("DPoP-Nonce", "a nonce")
	})
	prover := &dpop.Prover{}
	transport := &dpop.Transport{Tokens: fixedToken(token), Prover: prover}
	status, _ := get(t, transport, server.URL)
	require.Equal(t, http.StatusOK, status)

	req, err := http.NewRequest(http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	_, refused := (&dpop.Transport{Key: testKey()}).RoundTrip(req)
	var e *dpop.Error
	require.True(t, errors.As(refused, &e))

	keystest.PackageHides(t, map[string][]any{
		"Error":     {refused},
		"Proof":     {&dpop.Proof{URL: server.URL, AccessToken: keys.NewSecret(token)}},
		"Prover":    {prover},
		"Transport": {&dpop.Transport{Key: testKey(), Prover: prover}},
	}, append(keystest.Secrets(t, testKey()), []byte(token))...)
}
