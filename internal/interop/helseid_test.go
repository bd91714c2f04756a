package interop_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// task tells a client to get a token by private_key_jwt and DPoP, and to make calls
// with it.
type task struct {
	Issuer   string          `json:"issuer"`
	ClientID string          `json:"client_id"`
	Key      json.RawMessage `json:"key"` // private JWK of P-256
	Scope    string          `json:"scope"`
	Calls    []call          `json:"calls"`
}

type call struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	Body   string `json:"body,omitempty"`
}

// result is the outcome of a task.
type result struct {
	Token struct {
		AccessToken string `json:"access_token"`
		Type        string `json:"token_type"`
		Scope       string `json:"scope"`
	} `json:"token"`
	Answers []struct {
		Status int    `json:"status"`
		Body   string `json:"body"`
	} `json:"answers"`
}

func newKey(t *testing.T) (key *keys.Key, private []byte) {
	t.Helper()
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	private, err = key.PrivateJWK()
	require.NoError(t, err)
	return key, private
}

// TestClientsDriveHelseID has each client get a token, which takes a nonce, call the
// sample API, register a key and list the keys. Then the client starts over with
// the new key.
func TestClientsDriveHelseID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		program
		allow   func(*helseidtest.Server)
		refused helseidtest.Refusal // without allow
	}{
		{oauth4webapi(), func(s *helseidtest.Server) { s.PlainType = true }, helseidtest.AssertionType},
		{openidClient(), func(s *helseidtest.Server) { s.PlainType = true }, helseidtest.AssertionType},
		{requestsOAuth2(), func(s *helseidtest.Server) { s.PlainType, s.WithoutNotBefore = true, true }, helseidtest.AssertionType},
		{nimbus(), func(s *helseidtest.Server) { s.RepeatAfterNonce = true }, helseidtest.AssertionReplayed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			old, private := newKey(t)
			next, nextPrivate := newKey(t)
			start := func(allow func(*helseidtest.Server)) (*helseidtest.Server, task) {
				server := helseidtest.New()
				t.Cleanup(server.Close)
				server.NonceAtAPI = true
				server.Replace = helseidtest.AtOnce
				allow(server)
				server.AddClient("stranger", old.PublicKey())
				secrets, patients := server.URL()+"/v1/client-secret", server.URL()+"/api/patients"
				return server, task{server.URL(), "stranger", private, helseid.SelfServiceScope + " nhn:patients/read", []call{
					{"GET", patients, ""},
					{"POST", secrets, string(next.PublicKey().JWK())},
					{"GET", secrets, ""},
				}}
			}

			var r result
			strict, work := start(func(*helseidtest.Server) {})
			_, ok := c.run(t, work, &r)
			require.False(t, ok, "the strict server accepted the client")
			assert.Equal(t, 1, strict.Counts().Refused[c.refused])
			assert.Zero(t, strict.Counts().Tokens)

			server, work := start(c.allow)
			complaint, ok := c.run(t, work, &r)
			require.True(t, ok, "%s\n%v", complaint, server.Counts())
			assert.Equal(t, work.Scope, r.Token.Scope)
			assert.Equal(t, "dpop", strings.ToLower(r.Token.Type))
			require.Len(t, r.Answers, 3)
			assert.Equal(t, 200, r.Answers[0].Status)
			assert.Contains(t, r.Answers[0].Body, "Kari Nordmann")
			assert.Equal(t, 200, r.Answers[1].Status, r.Answers[1].Body)
			assert.Contains(t, r.Answers[1].Body, "expiration")
			assert.Equal(t, 200, r.Answers[2].Status)
			assert.Contains(t, r.Answers[2].Body, old.Thumbprint())
			assert.Contains(t, r.Answers[2].Body, next.Thumbprint())

			work.Key, work.Calls = nextPrivate, work.Calls[:1]
			complaint, ok = c.run(t, work, &r)
			require.True(t, ok, complaint)
			assert.Equal(t, 200, r.Answers[0].Status)

			counts := server.Counts()
			assert.Equal(t, []int{2, 1, 1, 2}, []int{counts.Tokens, counts.Registrations, counts.Lists, counts.Calls})
			delete(counts.Refused, c.refused)
			for rule := range counts.Refused {
				assert.Equal(t, helseidtest.ProofNonce, rule)
			}
			assert.NotZero(t, counts.Refused[helseidtest.ProofNonce], "the first proof has no nonce")
		})
	}
}
