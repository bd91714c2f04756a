package dcr_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func post(clientID string, c selfservice.Credential) assertion.Authenticator {
	return &assertion.Post{ClientID: clientID, Secret: c}
}

func withKey(key *keys.PublicKey, others ...json.RawMessage) map[string]any {
	set := []any{json.RawMessage(key.JWK())}
	for _, o := range others {
		set = append(set, o)
	}
	return map[string]any{"client_name": "App", "jwks": map[string]any{"keys": set}}
}

func newKey(t *testing.T) *keys.Key {
	t.Helper()
	k, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	return k
}

func client(t *testing.T, s *server) *dcr.Client {
	t.Helper()
	c := &dcr.Client{Store: &selfservice.Mem{}, Issuer: issuer, Base: providertest.Handler(s)}
	require.NoError(t, c.Adopt(t.Context(), s.registration()))
	return c
}

var full = flag.Bool("full", false, "make every fault at each point on five nodes, too")

// TestEveryFaultAtEveryPoint rotates with faults at each point, on one node and
// on five, the last of which sees a change 8 s after the first. On five a point
// gets one fault by default.
func TestEveryFaultAtEveryPoint(t *testing.T) {
	key := newKey(t)
	run := func(name string, nodes int, start func(t *testing.T) (*server, *providertest.Target)) {
		t.Run(fmt.Sprint(name, ", nodes: ", nodes), func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) *providertest.Target {
				s, target := start(t)
				s.nodes, s.lag = nodes, 2*time.Second
				target.Nodes, target.Accepts = nodes, s.accepts
				if nodes > 1 && !*full {
					target.Turn = providertest.ErrorBefore
				}
				target.Knows = func(fingerprint string) bool { return s.acceptsAt(0, fingerprint) }
				return target
			})
		})
	}
	target := func(t *testing.T, s *server, first selfservice.Credential, provider func(*dcr.Client) selfservice.Provider) *providertest.Target {
		registration := &selfservice.Mem{}
		require.NoError(t, (&dcr.Client{Store: registration}).Adopt(t.Context(), s.registration()))
		return &providertest.Target{
			First: first,
			Provider: func(io *providertest.IO) selfservice.Provider {
				return provider(&dcr.Client{Store: io.Store(registration), Issuer: issuer, Base: io.Transport(providertest.Handler(s)), Recover: s.recover})
			},
		}
	}
	for _, nodes := range []int{1, 5} {
		run("keys", nodes, func(t *testing.T) (*server, *providertest.Target) {
			s := newServer(withKey(key.PublicKey()))
			target := target(t, s, selfservice.Credential{Key: key}, (*dcr.Client).Keys)
			target.Gone = true
			return s, target
		})
		for name, overlap := range map[string]bool{"secret, overlap": true, "secret, at once": false} {
			run(name, nodes, func(t *testing.T) (*server, *providertest.Target) {
				s := newServer(map[string]any{"client_name": "App"})
				s.rotatesSecret, s.overlap, s.expires = 24*time.Hour, overlap, time.Now().Add(time.Hour)
				target := target(t, s, selfservice.Credential{Secret: keys.NewSecret(s.secret)}, func(c *dcr.Client) selfservice.Provider { return c.Secret(post) })
				target.ServerMade = !overlap
				target.Registered = func() int { return s.made }
				return s, target
			})
		}
	}
}

// encryptionKey returns an encryption key with an unknown member.
func encryptionKey(t *testing.T) json.RawMessage {
	return json.RawMessage(strings.Replace(string(newKey(t).PublicKey().JWK()), `"use":"sig"`, `"use":"enc","x-own":1`, 1))
}

func TestForeignKeysAndMetadataSurvive(t *testing.T) {
	key, encryption := newKey(t), encryptionKey(t)
	s := newServer(withKey(key.PublicKey(), encryption))
	s.metadata["x_vendor"] = map[string]any{"deep": []any{"a", 1.0}}
	r := &selfservice.Rotator{Provider: client(t, s).Keys(), Store: &selfservice.Mem{}, Timing: selfservice.Timing{Propagation: -1}}
	require.NoError(t, r.Adopt(t.Context(), selfservice.Credential{Key: key}))
	require.NoError(t, r.Rotate(t.Context()))
	assert.Equal(t, map[string]any{"deep": []any{"a", 1.0}}, s.metadata["x_vendor"])
	set := s.metadata["jwks"].(map[string]any)["keys"].([]any)
	require.Len(t, set, 3)
	b, err := json.Marshal(set[1])
	require.NoError(t, err)
	assert.JSONEq(t, string(encryption), string(b))
}

func TestLostAccessTokenIsSaidAndTheKeyStillWorks(t *testing.T) {
	key := newKey(t)
	s := newServer(withKey(key.PublicKey()))
	c := client(t, s)
	s.access = "another one: the reply to an update was lost"
	r := &selfservice.Rotator{Provider: c.Keys(), Store: &selfservice.Mem{}, Timing: selfservice.Timing{Propagation: -1}}
	require.NoError(t, r.Adopt(t.Context(), selfservice.Credential{Key: key}))
	err := r.Rotate(t.Context())
	require.ErrorIs(t, err, dcr.ErrAccessToken)
	require.NotErrorIs(t, err, selfservice.ErrLockedOut)
	require.NotErrorIs(t, err, selfservice.ErrInvalidClient)
	require.NoError(t, c.Keys().Verify(t.Context(), selfservice.Credential{Key: key}))
	c.Recover = s.recover
	require.NoError(t, r.Rotate(t.Context()))
}

// fullDisk is a store whose next writes fail.
type fullDisk struct {
	selfservice.Mem
	refuse int
}

func (d *fullDisk) Save(ctx context.Context, blob []byte, version string) (string, error) {
	if d.refuse > 0 {
		d.refuse--
		return "", syscall.ENOSPC
	}
	return d.Mem.Save(ctx, blob, version)
}

// TestAnAccessTokenIsKeptUntilTheStoreTakesIt checks that a failed save does not
// lose the new token, as the stored one is already invalid.
func TestAnAccessTokenIsKeptUntilTheStoreTakesIt(t *testing.T) {
	key := newKey(t)
	s := newServer(withKey(key.PublicKey()))
	disk := &fullDisk{}
	c := &dcr.Client{Store: disk, Issuer: issuer, Base: providertest.Handler(s)}
	require.NoError(t, c.Adopt(t.Context(), s.registration()))
	r := &selfservice.Rotator{Provider: c.Keys(), Store: &selfservice.Mem{}, Timing: selfservice.Timing{Propagation: -1}}
	require.NoError(t, r.Adopt(t.Context(), selfservice.Credential{Key: key}))
	disk.refuse = 2
	for range 2 {
		_, err := c.Update(t.Context(), func(dcr.Metadata) (bool, error) { return true, nil })
		require.ErrorIs(t, err, syscall.ENOSPC)
	}
	require.NoError(t, r.Rotate(t.Context()))
	blob, _, err := disk.Load(t.Context())
	require.NoError(t, err)
	assert.Contains(t, string(blob), s.access)

	disk.refuse = 1
	_, err = c.Update(t.Context(), func(dcr.Metadata) (bool, error) { return true, nil })
	require.ErrorIs(t, err, syscall.ENOSPC)
	other := &dcr.Client{Store: disk, Base: c.Base, Recover: s.recover}
	_, err = other.Read(t.Context())
	require.NoError(t, err, "another replica asks an administrator")
	_, err = c.Read(t.Context())
	require.NoError(t, err, "and has the newer one")
}

// TestAnUpdateThatWasSentOutlivesItsCaller checks that a canceled update still
// saves the new access token. Otherwise only an invalid one would remain.
func TestAnUpdateThatWasSentOutlivesItsCaller(t *testing.T) {
	s := newServer(withKey(newKey(t).PublicKey()))
	c := client(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	c.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := providertest.Handler(s).RoundTrip(r)
		if r.Method != http.MethodPut {
			return resp, err
		}
		_, limited := r.Context().Deadline()
		assert.True(t, limited, "it still has a deadline")
		cancel() // after the server has acted, before its response arrives
		return resp, r.Context().Err()
	})
	_, err := c.Update(ctx, func(dcr.Metadata) (bool, error) { return true, nil })
	require.NoError(t, err)
	_, err = c.Read(ctx)
	require.ErrorIs(t, err, context.Canceled)
	_, err = c.Read(t.Context())
	require.NoError(t, err, "the new access token is stored")
}

// hungStore blocks each Save until its context ends.
type hungStore struct {
	selfservice.Mem
	hangs bool
}

func (h *hungStore) Save(ctx context.Context, blob []byte, version string) (string, error) {
	if h.hangs {
		<-ctx.Done()
		return "", ctx.Err()
	}
	return h.Mem.Save(ctx, blob, version)
}

// TestAStoreThatHangsIsGivenUp checks that a Save times out although it outlives
// the caller's context.
func TestAStoreThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newServer(map[string]any{}), &hungStore{}
		c := &dcr.Client{Store: store, Base: providertest.Handler(s)}
		require.NoError(t, c.Adopt(t.Context(), s.registration()))
		store.hangs = true
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Update(ctx, func(dcr.Metadata) (bool, error) { return true, nil })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		store.hangs = false
		_, err = c.Read(t.Context())
		require.NoError(t, err, "the access token was not lost either")
	})
}

func TestSecretFollowsTheServersExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(map[string]any{"client_name": "App"})
		s.rotatesSecret, s.overlap, s.expires = 40*24*time.Hour, true, time.Now().Add(100*24*time.Hour)
		first := selfservice.Credential{Secret: keys.NewSecret(s.secret)}
		r := &selfservice.Rotator{Provider: client(t, s).Secret(post), Store: &selfservice.Mem{}, Timing: selfservice.Timing{Propagation: -1}}
		require.NoError(t, r.Adopt(t.Context(), first))
		err := r.Rotate(t.Context())
		require.ErrorIs(t, err, dcr.ErrNotRotated, "the server finds it too early")
		for range 200 {
			time.Sleep(24 * time.Hour)
			for range 5 {
				r.Step(t.Context())
			}
			secret, err := r.ClientSecret(t.Context())
			require.NoError(t, err)
			require.True(t, s.accepts(selfservice.Credential{Secret: secret}.Fingerprint()))
		}
		assert.GreaterOrEqual(t, s.made, 2)
	})
}

// TestAMaskIsNoSecret checks that a server that starts to mask secrets, for
// example after an upgrade, does not appear to have made a new one.
func TestAMaskIsNoSecret(t *testing.T) {
	s := newServer(map[string]any{"client_name": "App"})
	first := selfservice.Credential{Secret: keys.NewSecret(s.secret)}
	provider := client(t, s).Secret(post)
	before, err := provider.List(t.Context(), first)
	require.NoError(t, err)
	s.masks = true
	_, _, err = provider.(selfservice.Issuer).Issue(t.Context(), first, before)
	require.ErrorIs(t, err, dcr.ErrNotRotated, "the answer to the update shows the old one")
	s.rotatesSecret = time.Hour
	next, _, err := provider.(selfservice.Issuer).Issue(t.Context(), first, before)
	require.NoError(t, err)
	require.True(t, next.Secret.Equal(keys.NewSecret(s.secret)))
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestACallerWaitsForItsTurnNoLongerThanItSays checks that a call's deadline holds
// while it waits for the previous call, which may take 30 s.
func TestACallerWaitsForItsTurnNoLongerThanItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(map[string]any{})
		c := client(t, s)
		c.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		go c.Read(t.Context())
		synctest.Wait()
		for name, call := range map[string]func(context.Context) error{
			"read":   func(ctx context.Context) error { _, err := c.Read(ctx); return err },
			"update": func(ctx context.Context) error { _, err := c.Update(ctx, nil); return err },
			"adopt":  func(ctx context.Context) error { return c.Adopt(ctx, s.registration()) },
			"verify": func(ctx context.Context) error {
				return c.Keys().Verify(ctx, selfservice.Credential{Key: newKey(t)})
			},
		} {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.ErrorIs(t, call(ctx), context.DeadlineExceeded, name)
			assert.Equal(t, time.Second, time.Since(start), name)
			cancel()
		}
	})
}

func TestLastKeyIsNotRemoved(t *testing.T) {
	key := newKey(t)
	s := newServer(withKey(key.PublicKey(), encryptionKey(t)))
	p := client(t, s).Keys().(selfservice.Remover)
	err := p.Remove(t.Context(), selfservice.Credential{Key: key}, selfservice.Registration{Fingerprint: key.Thumbprint()})
	require.ErrorIs(t, err, dcr.ErrConfig)
	assert.True(t, s.accepts(key.Thumbprint()))
}

// TestNoTypeShowsASecret uses a server that echoes secrets.
func TestNoTypeShowsASecret(t *testing.T) {
	const secret, access = "the client secret of the answer", "the registration access token"
	status, body := http.StatusOK, `{"client_id":"app","client_secret":"`+secret+`","registration_access_token":"`+access+`"}`
	base := providertest.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		w.Write([]byte(body))
	}))
	c := &dcr.Client{Store: &selfservice.Mem{}, Base: base}
	reg := dcr.Registration{ClientID: "app", URI: "http://localhost/r", AccessToken: keys.NewSecret(access)}
	require.NoError(t, c.Adopt(t.Context(), reg))
	metadata, err := c.Read(t.Context())
	require.NoError(t, err)
	assert.Equal(t, dcr.Metadata{"client_id": json.RawMessage(`"app"`)}, metadata)

	status, body = http.StatusBadRequest, `{"error":"`+secret+`","error_description":"`+access+`"}`
	_, refused := c.Read(t.Context())
	require.ErrorIs(t, refused, dcr.ErrRefused)
	var e *dcr.Error
	require.True(t, errors.As(refused, &e))
	assert.Equal(t, http.StatusBadRequest, e.Status)

	application := dcr.Application{InitialAccessToken: keys.NewSecret(access), SoftwareStatement: keys.NewSecret(secret)}
	var attempt dcr.Attempt
	taker := client(t, newServer(map[string]any{}))
	taker.Verify = func(_ context.Context, a dcr.Attempt) error { attempt = a; return nil }
	require.NoError(t, taker.Secret(post).Verify(t.Context(), selfservice.Credential{Secret: keys.NewSecret(secret)}))
	require.NotNil(t, attempt.Auth)

	keystest.PackageRedacted(t, map[string][]any{
		"Application":       {application},
		"Attempt":           {attempt},
		"ClientCredentials": {dcr.ClientCredentials{}},
		"PushedRequest":     {dcr.PushedRequest{}},
		"UnknownCode":       {dcr.UnknownCode{}},
		"Client":            {c, c.Keys(), c.Secret(post)},
		"Error":             {refused},
		"Metadata":          {metadata},
		"Registration":      {reg},
	}, []byte(secret), []byte(access))
}

// TestKeysAtAURLAreLeftAlone checks that no update replaces a JWKS URL by keys.
// The server would drop the URL and every key there.
func TestKeysAtAURLAreLeftAlone(t *testing.T) {
	key := newKey(t)
	s := newServer(map[string]any{"client_name": "App", "jwks_uri": "https://app.example.no/jwks"})
	p := client(t, s).Keys()
	_, err := p.List(t.Context(), selfservice.Credential{Key: key})
	require.ErrorIs(t, err, dcr.ErrKeysByURL)
	_, err = p.(selfservice.Registrar).Register(t.Context(), selfservice.Credential{}, selfservice.Credential{Key: key})
	require.ErrorIs(t, err, dcr.ErrKeysByURL)
	require.ErrorContains(t, err, "jwksurl")
	err = p.(selfservice.Remover).Remove(t.Context(), selfservice.Credential{}, selfservice.Registration{Fingerprint: key.Thumbprint()})
	require.ErrorIs(t, err, dcr.ErrKeysByURL)
	r := &selfservice.Rotator{Provider: p, Store: &selfservice.Mem{}}
	require.NoError(t, r.Adopt(t.Context(), selfservice.Credential{Key: key}))
	require.ErrorIs(t, r.Rotate(t.Context()), dcr.ErrKeysByURL)
	assert.Zero(t, s.puts)
	assert.Equal(t, "https://app.example.no/jwks", s.metadata["jwks_uri"])

	for _, nothing := range []any{nil, ""} { // some servers show every member they know
		s := newServer(withKey(key.PublicKey()))
		s.metadata["jwks_uri"] = nothing
		next := selfservice.Credential{Key: newKey(t)}
		_, err := client(t, s).Keys().(selfservice.Registrar).Register(t.Context(), selfservice.Credential{}, next)
		require.NoError(t, err)
		assert.True(t, s.accepts(next.Fingerprint()))
	}
}

// TestTheAccessTokenStaysAtItsOrigin has a response name another URL for the
// registration. A new path is followed, a new origin is not.
func TestTheAccessTokenStaysAtItsOrigin(t *testing.T) {
	for uri, follows := range map[string]bool{
		"http://127.0.0.1/elsewhere":           true,
		"HTTP://127.0.0.1:80/elsewhere":        true,
		"https://127.0.0.1/elsewhere":          false,
		"http://127.0.0.1:8080/elsewhere":      false,
		"http://localhost/elsewhere":           false,
		"https://attacker.example/elsewhere":   false,
		"http://127.0.0.1@attacker.example/x":  false,
		"//127.0.0.1/elsewhere":                false,
		"/elsewhere":                           false,
		"https://127.0.0.1.attacker.example/x": false,
	} {
		s := newServer(map[string]any{"client_name": "App"})
		s.uri = uri
		c := client(t, s)
		var sent []string
		c.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			sent = append(sent, r.URL.String())
			return providertest.Handler(s).RoundTrip(r)
		})
		_, err := c.Read(t.Context())
		require.NoError(t, err)
		c.Update(t.Context(), func(dcr.Metadata) (bool, error) { return true, nil })
		require.Len(t, sent, map[bool]int{true: 2, false: 3}[follows], "%s: %s", uri, sent) // the fake serves nothing elsewhere
		for i, to := range sent {
			if i == 0 || !follows {
				assert.Equal(t, issuer+"/register/app", to, uri)
			}
		}
	}

	// Nor does a response lead from https to http.
	var schemes []string
	c := &dcr.Client{Store: &selfservice.Mem{}, Base: roundTripper(func(r *http.Request) (*http.Response, error) {
		schemes = append(schemes, r.URL.Scheme)
		body := `{"client_id":"app","registration_access_token":"2","registration_client_uri":"http://127.0.0.1/r"}`
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
	})}
	require.NoError(t, c.Adopt(t.Context(), dcr.Registration{ClientID: "app", URI: "https://127.0.0.1/r", AccessToken: keys.NewSecret("1")}))
	for range 3 {
		_, err := c.Read(t.Context())
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"https", "https", "https"}, schemes)
}

func TestAddressMustBeSafe(t *testing.T) {
	for _, uri := range []string{"", "http://example.org/r", "ftp://localhost/", "https://user:pass@example.org/", "/r"} {
		c := &dcr.Client{Store: &selfservice.Mem{}}
		err := c.Adopt(t.Context(), dcr.Registration{ClientID: "a", URI: uri, AccessToken: keys.NewSecret("t")})
		require.ErrorIs(t, err, dcr.ErrAddress, uri)
	}
}
