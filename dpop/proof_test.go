package dpop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRFC9449Examples compares the proofs in the RFC with ours for the same
// requests, as decoded by go-jose.
func TestRFC9449Examples(t *testing.T) {
	file, err := os.ReadFile("testdata/rfc9449.json")
	require.NoError(t, err)
	var vectors struct {
		JKT         string `json:"jkt"`
		AccessToken string `json:"access_token"`
		Proofs      []struct {
			Name, Proof, Method, URL string
			WithToken                bool `json:"with_token"`
			IAT                      int64
		}
	}
	require.NoError(t, json.Unmarshal(file, &vectors))
	require.Len(t, vectors.Proofs, 2)
	for _, v := range vectors.Proofs {
		t.Run(v.Name, func(t *testing.T) {
			theirs, err := open(v.Proof)
			require.NoError(t, err)
			assert.Equal(t, vectors.JKT, theirs.thumbprint(t))
			public, err := keys.NewPublicKey(theirs.Key.Key, keys.Options{})
			require.NoError(t, err)
			assert.Equal(t, vectors.JKT, public.Thumbprint(), "our thumbprint of the RFC's key")

			p := dpop.Proof{Method: v.Method, URL: v.URL, IssuedAt: time.Unix(v.IAT, 0)}
			if v.WithToken {
				p.AccessToken = keys.NewSecret(vectors.AccessToken)
			}
			signed, err := dpop.Sign(t.Context(), testKey(), p)
			require.NoError(t, err)
			ours, err := open(signed)
			require.NoError(t, err)
			theirs.Key, theirs.JTI, ours.JTI = ours.Key, "", "" // these must differ
			assert.Equal(t, theirs, ours)
		})
	}
}

func TestSignWithEveryAlgorithm(t *testing.T) {
	rsa, err := keys.GenerateRSA(keys.RS256, 2048)
	require.NoError(t, err)
	for _, alg := range algorithms {
		t.Run(string(alg), func(t *testing.T) {
			k, err := rsa.With(keys.Options{Algorithm: keys.Algorithm(alg)})
			if err != nil {
				k, err = keys.Generate(keys.Algorithm(alg))
			}
			require.NoError(t, err)
			proof, err := dpop.Sign(t.Context(), k, dpop.Proof{
				Method: "POST", URL: "HTTPS://Sts.Example.NO:443/connect/token?a=b#c", AccessToken: keys.NewSecret("t"), Nonce: "n-1",
			})
			require.NoError(t, err)
			o, err := open(proof)
			require.NoError(t, err)
			assert.Equal(t, "dpop+jwt", o.Typ)
			assert.True(t, o.Key.IsPublic())
			assert.Equal(t, k.Thumbprint(), o.thumbprint(t))
			assert.Equal(t, "POST", o.HTM)
			assert.Equal(t, "https://Sts.Example.NO:443/connect/token", o.HTU)
			assert.Equal(t, hash("t"), o.ATH)
			assert.Equal(t, "n-1", o.Nonce)
			assert.InDelta(t, 0, secondsFromNow(o.IAT), 2)
			assert.GreaterOrEqual(t, len(o.JTI), 22, "128 bits take 22 characters of base64url")
		})
	}
}

func TestSignEscapesWhatJSONNeedsEscaped(t *testing.T) {
	proof, err := dpop.Sign(t.Context(), testKey(), dpop.Proof{Method: "A\"\\\n", URL: "https://a.example/'", Nonce: `","htm":"x`})
	require.NoError(t, err)
	o, err := open(proof)
	require.NoError(t, err)
	assert.Equal(t, "A\"\\\n", o.HTM)
	assert.Equal(t, "https://a.example/'", o.HTU)
	assert.Equal(t, `","htm":"x`, o.Nonce)
}

func TestSignDefaultsAndRefusals(t *testing.T) {
	proof, err := dpop.Sign(t.Context(), testKey(), dpop.Proof{URL: "https://a.example"})
	require.NoError(t, err)
	o, err := open(proof)
	require.NoError(t, err)
	assert.Equal(t, "GET", o.HTM)
	assert.Equal(t, "https://a.example/", o.HTU)
	assert.Empty(t, o.ATH+o.Nonce)

	_, err = dpop.Sign(t.Context(), nil, dpop.Proof{URL: "https://a.example"})
	require.ErrorIs(t, err, dpop.ErrKey)
	_, err = dpop.Sign(t.Context(), testKey(), dpop.Proof{URL: "https://a.example/\x7fsecret"})
	require.ErrorIs(t, err, dpop.ErrURL)
	assert.NotContains(t, fmt.Sprintf("%+v %#v", err, err), "secret")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = dpop.Sign(cancelled, testKey(), dpop.Proof{URL: "https://a.example"})
	require.ErrorIs(t, err, context.Canceled)
}
