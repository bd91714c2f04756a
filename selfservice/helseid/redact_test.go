package helseid_test

import (
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/stretchr/testify/require"
)

// TestNoTypeShowsASecret of a client that has used its key, holds tokens, and was
// refused by a server that echoes the token.
func TestNoTypeShowsASecret(t *testing.T) {
	server, client, key := setup(t)
	client.Base = through(http.DefaultTransport.RoundTrip)
	bound := newKey(t)
	client.DPoPKey = bound
	require.NoError(t, client.VerifyKey(t.Context(), key))
	list, err := client.ClientSecrets(t.Context(), key)
	require.NoError(t, err)
	source := client.Tokens(key, helseid.MultiTenant{Parent: "999888777"})
	token, err := source.Token(t.Context())
	require.NoError(t, err)
	sent := token.AccessToken.Reveal()
	server.Inject(selfService(http.StatusBadRequest, http.Header{"Www-Authenticate": {`DPoP error="` + sent + `"`}}, `{"title":"`+sent+`","detail":"token `+sent+`"}`))
	_, refused := client.ClientSecrets(t.Context(), key)
	require.ErrorIs(t, refused, helseid.ErrRefused)

	keystest.PackageRedacted(t, map[string][]any{
		"Client":       {client, client.HTTPClient(key), source, token},
		"ClientSecret": {list[0]},
		"Environment":  {client.Environment},
		"Error":        {refused},
		"MultiTenant":  {helseid.MultiTenant{Parent: "999888777"}},
		"SFMJournal":   {helseid.SFMJournal{ID: "1"}},
		"SingleTenant": {helseid.SingleTenant{Child: "999888777"}},
	}, append(append(keystest.Secrets(t, key), keystest.Secrets(t, bound)...), []byte(sent))...)
}

// through is a RoundTripper without fields, which fmt would race to read.
type through func(*http.Request) (*http.Response, error)

func (f through) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
