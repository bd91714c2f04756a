package helseid_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUpdateClientSecretSendsTheJWKItself(t *testing.T) {
	server, client, key := setup(t)
	wire := record(client)
	next := newKey(t)
	expires, err := client.UpdateClientSecret(t.Context(), key, next.PublicKey())
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(90*24*time.Hour), expires, time.Minute)
	assert.Equal(t, time.UTC, expires.Location())

	calls := wire.to("/v1/client-secret")
	require.Len(t, calls, 1)
	assert.Equal(t, http.MethodPost, calls[0].Method)
	assert.Equal(t, "application/json", calls[0].Header.Get("Content-Type"))
	assert.Equal(t, "application/json", calls[0].Header.Get("Accept"))
	assert.Equal(t, string(next.PublicKey().JWK()), string(calls[0].body))
	assert.NotContains(t, string(calls[0].body), `"d"`)
	deadline, ok := calls[0].Context().Deadline()
	require.True(t, ok, "the call has no deadline")
	assert.LessOrEqual(t, time.Until(deadline), 30*time.Second)
	assert.Len(t, server.Keys(clientID), 2)
}

func TestClientSecretsListsEveryKey(t *testing.T) {
	_, client, key := setup(t)
	next := newKey(t)
	expires, err := client.UpdateClientSecret(t.Context(), key, next.PublicKey())
	require.NoError(t, err)
	for _, as := range []*keys.Key{key, next} {
		list, err := client.ClientSecrets(t.Context(), as)
		require.NoError(t, err)
		require.Len(t, list, 2)
		assert.Equal(t, helseid.ClientSecret{KeyID: key.KeyID(), Thumbprint: key.Thumbprint(), Origin: "Gui"}, list[0])
		assert.Equal(t, next.KeyID(), list[1].KeyID)
		assert.Equal(t, expires, list[1].Expiration)
		assert.Equal(t, "Api", list[1].Origin)
		assert.True(t, next.PublicKey().Equal(list[1].PublicKey))
	}
}

func TestClientSecretsToleratesVariants(t *testing.T) {
	server, client, key := setup(t)
	other := newKey(t)
	text, err := json.Marshal(string(other.PublicKey().JWK()))
	require.NoError(t, err)
	server.Inject(selfService(200, nil, `[
		{"expiration":null,"kid":"a","jwkThumbprint":"t","origin":"Gui","publicJwk":null},
		{"kid":"b"},
		{"jwkThumbprint":"`+other.Thumbprint()+`","origin":"Robot","unknown":{"x":[1]}},
		{"kid":null,"jwkThumbprint":null,"origin":null,"publicJwk":"not a key","expiration":"2027-02-20T00:00:00"},
		{"publicJwk":`+string(text)+`,"expiration":"2027-02-20T01:30:00.5+01:30"},
		{"publicJwk":`+string(other.PublicKey().JWK())+`},
		null,
		{"jwkThumbprint":"`+key.Thumbprint()+`","publicJwk":`+string(other.PublicKey().JWK())+`}
	]`))
	list, err := client.ClientSecrets(t.Context(), key)
	require.NoError(t, err)
	require.Len(t, list, 8)
	assert.Equal(t, helseid.ClientSecret{KeyID: "a", Origin: "Gui"}, list[0], "t is not a thumbprint")
	assert.Equal(t, helseid.ClientSecret{KeyID: "b"}, list[1])
	assert.Equal(t, helseid.ClientSecret{Thumbprint: other.Thumbprint(), Origin: "Robot"}, list[2])
	assert.Equal(t, helseid.ClientSecret{Expiration: time.Date(2027, 2, 20, 0, 0, 0, 0, time.UTC)}, list[3])
	assert.Equal(t, time.Date(2027, 2, 20, 0, 0, 0, 5e8, time.UTC), list[4].Expiration)
	for _, s := range list[4:6] {
		assert.Equal(t, other.Thumbprint(), s.Thumbprint, "computed from the key")
		assert.True(t, other.PublicKey().Equal(s.PublicKey))
	}
	assert.Zero(t, list[6])
	assert.Equal(t, key.Thumbprint(), list[7].Thumbprint, "the server's thumbprint takes precedence")

	server.Inject(selfService(200, nil, `[]`))
	list, err = client.ClientSecrets(t.Context(), key)
	require.NoError(t, err)
	assert.Empty(t, list)
}

func TestMalformedAnswers(t *testing.T) {
	server, client, key := setup(t)
	for name, body := range map[string]string{
		"HTML": "<html>", "a number": "1", "a list of numbers": "[1]",
		"date as number": `[{"expiration":1}]`, "no date": `[{"expiration":"soon"}]`,
		"kid a number": `[{"kid":1}]`, "nothing": "",
	} {
		t.Run(name, func(t *testing.T) {
			server.Inject(selfService(200, nil, body))
			_, err := client.ClientSecrets(t.Context(), key)
			require.ErrorIs(t, err, helseid.ErrMalformed)
			assert.NotContains(t, err.Error(), "html")
		})
	}
	server.Inject(selfService(200, nil, strings.Repeat(" ", 1<<20+1)))
	_, err := client.ClientSecrets(t.Context(), key)
	require.ErrorIs(t, err, helseid.ErrTooLarge)
}

func TestUpdateClientSecretReadsTheExpiration(t *testing.T) {
	server, client, key := setup(t)
	for body, want := range map[string]time.Time{
		`{"expiration":"2027-02-20T00:00:00Z"}`:      time.Date(2027, 2, 20, 0, 0, 0, 0, time.UTC),
		`{"expiration":"2027-02-20T02:00:00+02:00"}`: time.Date(2027, 2, 20, 0, 0, 0, 0, time.UTC),
		`{"expiration":null}`:                        {},
		`{}`:                                         {},
		``:                                           {},
	} {
		server.Inject(selfService(201, nil, body))
		got, err := client.UpdateClientSecret(t.Context(), key, key.PublicKey())
		require.NoError(t, err, body)
		assert.Equal(t, want, got, body)
	}
	for _, body := range []string{`"2027-02-20T00:00:00Z"`, `{"expiration":"never"}`, `registered`} {
		server.Inject(selfService(200, nil, body))
		_, err := client.UpdateClientSecret(t.Context(), key, key.PublicKey())
		assert.ErrorIs(t, err, helseid.ErrMalformed, body)
	}
}

func TestUpdateClientSecretRefusesUnsupportedKeys(t *testing.T) {
	server, client, key := setup(t)
	edwards, err := keys.Generate(keys.EdDSA)
	require.NoError(t, err)
	renamed, err := edwards.With(keys.Options{Algorithm: keys.Ed25519})
	require.NoError(t, err)
	for _, next := range []*keys.PublicKey{edwards.PublicKey(), renamed.PublicKey(), {}, nil} {
		_, err = client.UpdateClientSecret(t.Context(), key, next)
		require.ErrorIs(t, err, helseid.ErrAlgorithm)
	}
	assert.Zero(t, server.Counts().Requests)
}

// TestAdoptRefusesUnsupportedKeys, and Check a New that makes one, long before a
// rotation is due.
func TestAdoptRefusesUnsupportedKeys(t *testing.T) {
	_, client, key := setup(t)
	edwards, err := keys.Generate(keys.EdDSA)
	require.NoError(t, err)
	renamed, err := edwards.With(keys.Options{Algorithm: keys.Ed25519})
	require.NoError(t, err)
	r := &selfservice.Rotator{Provider: client, Store: &selfservice.Mem{}}
	for _, key := range []*keys.Key{edwards, renamed} {
		require.ErrorIs(t, r.Adopt(t.Context(), selfservice.Credential{Key: key}), helseid.ErrAlgorithm)
	}
	require.NoError(t, r.Adopt(t.Context(), selfservice.Credential{Key: key}))
	require.NoError(t, r.Check(t.Context()))
	r.New = func(context.Context, selfservice.Credential) (selfservice.Credential, error) {
		return selfservice.Credential{Key: edwards}, nil
	}
	require.ErrorIs(t, r.Check(t.Context()), helseid.ErrAlgorithm)
}

// TestCallsWithoutAKeyAreRefused: a nil *keys.Key is a Source without a key.
func TestCallsWithoutAKeyAreRefused(t *testing.T) {
	server, client, key := setup(t)
	var none *keys.Key
	_, err := client.UpdateClientSecret(t.Context(), none, key.PublicKey())
	require.ErrorIs(t, err, keys.ErrNoPrivateKey)
	_, err = client.ClientSecrets(t.Context(), none)
	require.ErrorIs(t, err, keys.ErrNoPrivateKey)
	require.ErrorIs(t, client.VerifyKey(t.Context(), none), assertion.ErrConfig)
	assert.Zero(t, server.Counts().Tokens)
}

func TestALostReplyIsResolvedByReading(t *testing.T) {
	server, client, key := setup(t)
	next := newKey(t)
	server.Inject(at("/v1/client-secret", helseidtest.Fault{Execute: true}))
	_, err := client.UpdateClientSecret(t.Context(), key, next.PublicKey())
	require.ErrorContains(t, err, "helseid: calling the self-service API: ")
	server.Inject(nil)
	require.NoError(t, client.VerifyKey(t.Context(), next))
	list, err := client.ClientSecrets(t.Context(), next)
	require.NoError(t, err)
	found, ok := helseid.Find(list, next.PublicKey())
	require.True(t, ok)
	assert.Equal(t, "Api", found.Origin)
}

func TestFind(t *testing.T) {
	key, err := newKey(t).With(keys.Options{KeyID: "ours"})
	require.NoError(t, err)
	other := newKey(t).Thumbprint()
	ours := helseid.ClientSecret{Thumbprint: key.Thumbprint(), KeyID: "renamed"}
	for name, c := range map[string]struct {
		list []helseid.ClientSecret
		want int // -1: none
	}{
		"by thumbprint with another kid":       {[]helseid.ClientSecret{{KeyID: "x", Thumbprint: other}, ours}, 1},
		"by thumbprint before kid":             {[]helseid.ClientSecret{{KeyID: "ours"}, ours}, 1},
		"by kid without a thumbprint":          {[]helseid.ClientSecret{{KeyID: "x"}, {KeyID: "ours"}}, 1},
		"not by kid if the thumbprint differs": {[]helseid.ClientSecret{{KeyID: "ours", Thumbprint: other}}, -1},
		"not by a kid that two rows have":      {[]helseid.ClientSecret{{KeyID: "ours"}, {KeyID: "ours"}}, -1},
		"not in an empty list":                 {nil, -1},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := helseid.Find(c.list, key.PublicKey())
			require.Equal(t, c.want >= 0, ok)
			if ok {
				assert.Equal(t, c.list[c.want], got)
			}
		})
	}
	_, ok := helseid.Find([]helseid.ClientSecret{{KeyID: "x"}}, &keys.PublicKey{})
	assert.False(t, ok, "an empty thumbprint matched")
}

func TestATokenIsReusedPerKey(t *testing.T) {
	server, client, key := setup(t)
	for range 3 {
		_, err := client.ClientSecrets(t.Context(), key)
		require.NoError(t, err)
	}
	assert.Equal(t, 1, server.Counts().Tokens)
	next := newKey(t)
	_, err := client.UpdateClientSecret(t.Context(), key, next.PublicKey())
	require.NoError(t, err)
	assert.Equal(t, 1, server.Counts().Tokens)
	_, err = client.ClientSecrets(t.Context(), next)
	require.NoError(t, err)
	assert.Equal(t, 2, server.Counts().Tokens, "the token of another key was used")
	renamed, err := next.With(keys.Options{KeyID: "renamed"})
	require.NoError(t, err)
	_, err = client.ClientSecrets(t.Context(), renamed)
	require.ErrorIs(t, err, assertion.ErrInvalidClient, "the token of another kid was used")

	rsa := keystest.Key(t, keys.PS256)
	server.AddClient(clientID, rsa.PublicKey())
	require.NoError(t, client.VerifyKey(t.Context(), rsa))
	other, err := rsa.With(keys.Options{Algorithm: keys.RS256})
	require.NoError(t, err)
	_, err = client.ClientSecrets(t.Context(), other)
	require.ErrorIs(t, err, assertion.ErrInvalidClient, "the token of another algorithm was used")
}

func TestVerifyKeyAlwaysGetsAFreshToken(t *testing.T) {
	server, client, key := setup(t)
	require.NoError(t, client.VerifyKey(t.Context(), key))
	require.NoError(t, client.VerifyKey(t.Context(), key))
	assert.Equal(t, 2, server.Counts().Tokens)
	_, err := client.ClientSecrets(t.Context(), key)
	require.NoError(t, err)
	assert.Equal(t, 2, server.Counts().Tokens, "the token was not reused")

	server.RemoveKey(clientID, key.PublicKey())
	err = client.VerifyKey(t.Context(), key)
	require.ErrorIs(t, err, assertion.ErrInvalidClient)
	var refused *assertion.Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "invalid_client", refused.Code)
}

func TestVerifyKeyIsNotDelayedByAFailure(t *testing.T) {
	server, client, key := setup(t)
	next := newKey(t)
	server.Propagation = time.Minute
	_, err := client.UpdateClientSecret(t.Context(), key, next.PublicKey())
	require.NoError(t, err)
	require.ErrorIs(t, client.VerifyKey(t.Context(), next), assertion.ErrInvalidClient)
	server.Advance(time.Minute)
	require.NoError(t, client.VerifyKey(t.Context(), next))
}

func TestCallsEndWithTheirContext(t *testing.T) {
	server, client, key := setup(t)
	require.NoError(t, client.VerifyKey(t.Context(), key))
	server.Inject(helseidtest.Every(1, helseidtest.Fault{Delay: time.Hour}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := client.ClientSecrets(ctx, key)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestManyCallersShareOneTokenPerKey(t *testing.T) {
	server, client, key := setup(t)
	next := newKey(t)
	server.AddClient(clientID, next.PublicKey())
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			_, err := client.ClientSecrets(t.Context(), []*keys.Key{key, next}[i%2])
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Equal(t, 2, server.Counts().Tokens)
	assert.Equal(t, 40, server.Counts().Lists)
}

func TestTokensOfFourKeysAreCached(t *testing.T) {
	server, client, first := setup(t)
	all := []*keys.Key{first}
	for range 4 {
		key := newKey(t)
		server.AddClient(clientID, key.PublicKey())
		all = append(all, key)
	}
	for _, key := range append(all, all[1:]...) {
		_, err := client.ClientSecrets(t.Context(), key)
		require.NoError(t, err)
	}
	assert.Equal(t, 5, server.Counts().Tokens)
	_, err := client.ClientSecrets(t.Context(), first)
	require.NoError(t, err)
	assert.Equal(t, 6, server.Counts().Tokens, "five were cached")
}

func TestErrorsTellRetryAfterAndClockSkew(t *testing.T) {
	server, client, key := setup(t)
	server.Inject(at("/connect/token", helseidtest.Fault{Status: 429, Header: http.Header{"Retry-After": {"7"}}}))
	var refused *assertion.Error
	require.ErrorAs(t, client.VerifyKey(t.Context(), key), &refused)
	assert.Equal(t, 429, refused.Status)
	assert.Equal(t, 7*time.Second, refused.RetryAfter())

	server, client, key = setup(t)
	server.Skew = 90 * time.Second
	err := client.VerifyKey(t.Context(), key)
	require.ErrorIs(t, err, assertion.ErrInvalidClient)
	assert.Regexp(t, `the clock of this machine looks (89|90) s behind`, err.Error())
}
