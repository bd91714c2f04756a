package dpop_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNoTypeShowsASecret(t *testing.T) {
	const token = "an-access-token-that-nobody-may-see"
	const api = "https://api.example.no/patients"
	prover := &dpop.Prover{}
	base := roundTripFunc(func(r *http.Request) (*http.Response, error) { // fmt would race with a real one
		require.Equal(t, "DPoP "+token, r.Header.Get("Authorization"))
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Dpop-Nonce": {"n"}}, Body: http.NoBody}, nil
	})
	req, err := http.NewRequest(http.MethodGet, api, nil)
	require.NoError(t, err)
	_, err = (&dpop.Transport{Tokens: fixedToken(token), Prover: prover, Base: base}).RoundTrip(req)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	_, refused := new(dpop.Prover).Bind(base, testKey()).RoundTrip(req)
	var e *dpop.Error
	require.True(t, errors.As(refused, &e))

	const nonceSecret = "a-secret-of-a-server-that-makes-its-nonces"
	nonces := &dpop.Nonces{Secrets: []keys.Secret{keys.NewSecret(nonceSecret)}}
	proof, err := dpop.Sign(t.Context(), testKey(), dpop.Proof{URL: api, AccessToken: keys.NewSecret(token), Nonce: nonces.Nonce()})
	require.NoError(t, err)
	memory := &dpop.Memory{}
	verifier := &dpop.Verifier{Replay: memory, Nonces: nonces}
	ask := dpop.Request{Method: "GET", URL: api, Proofs: []string{proof}, Token: keys.NewSecret(token), JKT: testKey().Thumbprint()}
	checked, err := verifier.Verify(t.Context(), ask)
	require.NoError(t, err)
	_, replayed := verifier.Verify(t.Context(), ask)
	require.ErrorIs(t, replayed, dpop.ErrReplayed)

	guard := &dpop.Middleware{Tokens: &issued{err: dpop.ErrInvalidToken}, Proofs: verifier, BaseURL: "https://api.example.no"}
	verdict := guard.Check(t.Context(), []string{"DPoP " + token}, dpop.Call{Method: "GET", URL: api, Proofs: ask.Proofs})
	require.Error(t, verdict.Err)

	keystest.PackageRedacted(t, map[string][]any{
		"Checked":    {checked},
		"Entry":      {dpop.Entry{}}, // only hashes
		"Memory":     {memory},
		"Nonces":     {nonces},
		"ProofError": {replayed},
		"Request":    {ask},
		"Mode":       {dpop.RequireDPoP},
		"Middleware": {guard},
		"Call":       {dpop.Call{Method: "GET", URL: api, Proofs: ask.Proofs}},
		"Verdict":    {verdict},
		"Counts":     {guard.Counts()},
		"Token":      {&dpop.Token{Subject: "kari", Claims: []byte(`{}`)}}, // not the token itself
		"Verifier":   {verifier},

		"Error":     {refused},
		"Proof":     {&dpop.Proof{URL: api, AccessToken: keys.NewSecret(token)}},
		"Prover":    {prover},
		"Transport": {&dpop.Transport{Tokens: tokenFunc(func() (string, *keys.Key) { return token, testKey() }), Prover: prover, Base: base}, prover.Bind(base, testKey())},
	}, append(keystest.Secrets(t, testKey()), []byte(token), []byte(nonceSecret))...)
}

// net/http quotes what is no HTTP: the answer itself, or the trailer after its body.
func TestErrorsOfTheNetworkQuoteNothingThatWasSent(t *testing.T) {
	const token = "an-access-token-that-nobody-may-see"
	broken := errors.New("connection lost")
	for _, inBody := range []bool{false, true} {
		for _, quotes := range []bool{false, true} {
			var proof string
			base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
				err := broken
				if proof = r.Header.Get("DPoP"); quotes {
					err = fmt.Errorf("malformed MIME header line: you sent %q and %q", token, proof)
				}
				if !inBody {
					return nil, err
				}
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(iotest.ErrReader(err))}, nil
			})
			resp, err := (&http.Client{Transport: &dpop.Transport{Tokens: fixedToken(token), Base: base}}).Get("https://api.example.no/")
			if inBody {
				require.NoError(t, err)
				_, err = io.ReadAll(resp.Body)
			}
			require.Error(t, err)
			assert.Equal(t, !quotes, errors.Is(err, broken))
			assert.NotContains(t, err.Error(), token)
			assert.NotContains(t, err.Error(), proof)
		}
	}
}

// The client is logged while it learns nonces. If fmt iterated over a map in use,
// the program would crash.
func TestLoggedWhileInUse(t *testing.T) {
	transport := &dpop.Transport{Tokens: fixedToken("t"), Base: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Dpop-Nonce": {r.URL.Host}}, Body: http.NoBody}, nil
	})}
	var used sync.WaitGroup
	for i := range 20 {
		used.Go(func() {
			_, err := (&http.Client{Transport: transport}).Get(fmt.Sprintf("https://api%d.example.no/", i))
			assert.NoError(t, err)
		})
		assert.Equal(t, "dpop.Transport dpop.Prover", fmt.Sprintf("%+v %#v", transport, &dpop.Prover{}))
	}
	used.Wait()
}
