package dcr_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// replica is a process, with its own Client and Rotator over stores that others
// may share.
type replica struct {
	*dcr.Client
	rotator *selfservice.Rotator
	app     dcr.Application
}

func newReplica(s http.Handler, registration, key selfservice.Store) *replica {
	r := &replica{Client: &dcr.Client{Store: registration, Issuer: issuer, Base: providertest.Handler(s)}}
	r.rotator = &selfservice.Rotator{Provider: r.Keys(), Store: key}
	r.app = dcr.Application{Metadata: dcr.Metadata{"client_name": json.RawMessage(`"App"`)}, Rotator: r.rotator}
	return r
}

// bySecret makes the replica use a secret.
func (r *replica) bySecret() {
	r.rotator.Provider = r.Secret(post)
	r.app.Metadata["token_endpoint_auth_method"] = json.RawMessage(`"client_secret_basic"`)
}

func (r *replica) register(t *testing.T) (dcr.Registration, error) {
	t.Helper()
	return r.Register(t.Context(), r.app)
}

// TestRegister registers with and without an initial access token and a software
// statement: once, however often it is called.
func TestRegister(t *testing.T) {
	for _, token := range []string{"", "the initial access token"} {
		s := &registrar{initial: token}
		registration, key := &selfservice.Mem{}, &selfservice.Mem{}
		r := newReplica(s, registration, key)
		r.app.InitialAccessToken, r.app.SoftwareStatement = keys.NewSecret(token), keys.NewSecret("a.signed.statement")
		made, err := r.register(t)
		require.NoError(t, err)
		client := s.only()
		assert.Equal(t, "App", client["client_name"])
		assert.Equal(t, "private_key_jwt", client["token_endpoint_auth_method"])
		assert.Equal(t, "a.signed.statement", client["software_statement"])
		assert.Equal(t, client["client_id"], made.ClientID)
		assert.Equal(t, client["registration_client_uri"], made.URI)
		assert.True(t, made.AccessToken.Equal(keys.NewSecret(client["registration_access_token"].(string))))
		listed, err := r.Keys().List(t.Context(), selfservice.Credential{})
		require.NoError(t, err)
		require.Len(t, listed, 1)
		assert.True(t, listed[0].Matches(current(t, r.rotator)))
		assert.Len(t, r.app.Metadata, 1, "it is the caller's")

		for range 2 {
			again, err := newReplica(s, registration, key).register(t)
			require.NoError(t, err)
			sameRegistration(t, made, again)
		}
		assert.Equal(t, 1, s.requests)
	}
}

// TestRegisterStoresTheKeyFirst checks that the key is stored before it is sent,
// so that it survives a crash in between.
func TestRegisterStoresTheKeyFirst(t *testing.T) {
	registration, key := &selfservice.Mem{}, &selfservice.Mem{}
	var sent []any
	s := &registrar{before: func(m map[string]any) {
		stored, err := (&selfservice.Rotator{Store: key}).SigningKey(t.Context())
		if assert.NoError(t, err) {
			sent = m["jwks"].(map[string]any)["keys"].([]any)
			assert.Equal(t, stored.KeyID(), sent[0].(map[string]any)["kid"])
			assert.NotContains(t, sent[0], "d")
		}
		blob, _, err := registration.Load(t.Context())
		assert.NoError(t, err)
		assert.NotEmpty(t, blob)
	}}
	_, err := newReplica(s, registration, key).register(t)
	require.NoError(t, err)
	require.Len(t, sent, 1)
}

// TestRegisterWithTheCallersKey has a second key with another use.
func TestRegisterWithTheCallersKey(t *testing.T) {
	s := &registrar{}
	r := newReplica(s, &selfservice.Mem{}, &selfservice.Mem{})
	own := newKey(t)
	require.NoError(t, r.rotator.Adopt(t.Context(), selfservice.Credential{Key: own}))
	r.app.Metadata["jwks"] = json.RawMessage(`{"keys":[` + string(encryptionKey(t)) + `]}`)
	_, err := r.register(t)
	require.NoError(t, err)
	set := s.only()["jwks"].(map[string]any)["keys"].([]any)
	require.Len(t, set, 2)
	assert.Equal(t, "enc", set[0].(map[string]any)["use"])
	assert.Equal(t, own.KeyID(), set[1].(map[string]any)["kid"])
}

func TestRegisterMakesTheKeyThatIsAskedFor(t *testing.T) {
	r := newReplica(&registrar{}, &selfservice.Mem{}, &selfservice.Mem{})
	r.app.Metadata["token_endpoint_auth_signing_alg"] = json.RawMessage(`"EdDSA"`)
	_, err := r.register(t)
	require.NoError(t, err)
	assert.Equal(t, keys.EdDSA, current(t, r.rotator).Key.Algorithm())
	r = newReplica(&registrar{}, &selfservice.Mem{}, &selfservice.Mem{})
	r.app.Metadata["token_endpoint_auth_signing_alg"] = json.RawMessage(`"none"`)
	_, err = r.register(t)
	require.Error(t, err)
}

// TestRegisterRefusals covers the errors of RFC 7591 §3.2.2, and other responses
// of servers. The next call does not wait.
func TestRegisterRefusals(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		rule   error
	}{
		{400, "invalid_redirect_uri", dcr.ErrRedirectURI},
		{400, "invalid_client_metadata", dcr.ErrClientMetadata},
		{400, "invalid_software_statement", dcr.ErrSoftwareStatement},
		{400, "unapproved_software_statement", dcr.ErrUnapproved},
		{400, "another_error", dcr.ErrRefused},
		{401, "invalid_token", dcr.ErrInitialToken},
		{403, "insufficient_scope", dcr.ErrForbidden},
		{429, "", dcr.ErrRefused},
		{500, "server_error", dcr.ErrRefused},
	} {
		s := &registrar{refuse: func() (int, string) { return c.status, c.code }}
		r := newReplica(s, &selfservice.Mem{}, &selfservice.Mem{})
		for range 2 {
			_, err := r.register(t)
			require.ErrorIs(t, err, c.rule, c.code)
			assert.Equal(t, c.rule != dcr.ErrInitialToken, errors.Is(err, dcr.ErrRefused), c.code)
			var e *dcr.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, c.status, e.Status)
			assert.Equal(t, c.code, e.Code)
		}
		s.refuse = nil
		_, err := r.register(t)
		require.NoError(t, err)
	}
}

func TestRegisterConfiguration(t *testing.T) {
	r := newReplica(&registrar{}, &selfservice.Mem{}, &selfservice.Mem{})
	r.app.Metadata["jwks_uri"] = json.RawMessage(`"https://app.example.no/jwks"`)
	_, err := r.register(t)
	require.ErrorIs(t, err, dcr.ErrKeysByURL)
	r.app.Rotator = nil
	_, err = r.register(t)
	require.NoError(t, err, "the keys are none of ours")

	r = newReplica(&registrar{}, &selfservice.Mem{}, &selfservice.Mem{})
	r.app.Metadata["token_endpoint_auth_method"] = json.RawMessage(`"tls_client_auth"`)
	_, err = r.register(t)
	require.ErrorIs(t, err, dcr.ErrConfig)
	r.app.Metadata = dcr.Metadata{"client_name": json.RawMessage(`{`)}
	_, err = r.register(t)
	require.ErrorIs(t, err, dcr.ErrConfig)

	r = newReplica(newServer(map[string]any{}), &selfservice.Mem{}, &selfservice.Mem{})
	_, err = r.register(t)
	require.ErrorIs(t, err, dcr.ErrNoEndpoint)
}

// TestRegisterASecret includes a process that dies before the Rotator has it.
func TestRegisterASecret(t *testing.T) {
	for _, dies := range []bool{false, true} {
		s := &registrar{}
		registration := &selfservice.Mem{}
		r := newReplica(s, registration, &selfservice.Mem{})
		r.bySecret()
		full := &fullDisk{}
		if dies {
			full.refuse = 1
		}
		r.rotator.Store = full
		_, err := r.register(t)
		if dies {
			require.ErrorIs(t, err, syscall.ENOSPC)
			again := newReplica(s, registration, full)
			again.bySecret()
			_, err = again.register(t)
			r = again
		}
		require.NoError(t, err)
		secret, err := r.rotator.ClientSecret(t.Context())
		require.NoError(t, err)
		assert.Equal(t, s.only()["client_secret"], secret.Reveal())
		assert.Equal(t, 1, s.requests)
	}
}

// TestRegisterNeedsAStoreThatTakesIt checks that without a working store no client
// is registered, as nobody could manage it. If the store fails afterwards, the
// next call saves what memory holds.
func TestRegisterNeedsAStoreThatTakesIt(t *testing.T) {
	s, disk := &registrar{}, &fullDisk{refuse: 1}
	r := newReplica(s, disk, &selfservice.Mem{})
	_, err := r.register(t)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Zero(t, s.requests)

	s.before = func(map[string]any) { disk.refuse = 1 }
	made, err := r.register(t)
	require.ErrorIs(t, err, syscall.ENOSPC)
	again, err := r.register(t)
	require.NoError(t, err)
	sameRegistration(t, made, again)
	assert.Equal(t, 1, s.requests)
	_, err = r.Read(t.Context())
	require.NoError(t, err)
}

// TestRegisterElsewhere checks that a client that cannot be managed, or whose
// registration is at another origin, is returned but not adopted.
func TestRegisterElsewhere(t *testing.T) {
	for uri, rule := range map[string]error{
		"":                        dcr.ErrNotManaged,
		"https://127.0.0.1/r":     dcr.ErrOrigin,
		"http://localhost/r":      dcr.ErrOrigin,
		"https://other.example/r": dcr.ErrOrigin,
		"http://other.example/r":  dcr.ErrOrigin,
		"http://127.0.0.1:8080/r": dcr.ErrOrigin,
	} {
		s := &registrar{answer: func(m map[string]any) { m["registration_client_uri"] = uri }}
		r := newReplica(s, &selfservice.Mem{}, &selfservice.Mem{})
		made, err := r.register(t)
		require.ErrorIs(t, err, rule, uri)
		assert.Equal(t, s.only()["client_id"], made.ClientID)
		_, err = r.Read(t.Context())
		require.ErrorIs(t, err, dcr.ErrNotAdopted)
		if uri == "https://other.example/r" {
			require.NoError(t, r.Adopt(t.Context(), made))
		}
	}
	for _, drop := range []string{"client_id", "registration_access_token"} {
		r := newReplica(&registrar{answer: func(m map[string]any) { delete(m, drop) }}, &selfservice.Mem{}, &selfservice.Mem{})
		_, err := r.register(t)
		require.ErrorIs(t, err, map[string]error{"client_id": dcr.ErrMalformed, "registration_access_token": dcr.ErrNotManaged}[drop])
	}
}

// TestRegisterLostReply leaves a client that nobody knows, and checks that the
// error says so. The next call registers another one with the same key, without
// waiting.
func TestRegisterLostReply(t *testing.T) {
	s := &registrar{}
	r := newReplica(s, &selfservice.Mem{}, &selfservice.Mem{})
	net := r.Base
	r.Base = roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := net.RoundTrip(req)
		if req.Method == http.MethodPost {
			return nil, errLost
		}
		return resp, err
	})
	_, err := r.register(t)
	require.ErrorIs(t, err, errLost)
	key := current(t, r.rotator)
	start := time.Now()
	next := newReplica(s, r.Store, r.rotator.Store)
	_, err = next.register(t)
	require.NoError(t, err)
	assert.Less(t, time.Since(start), 10*time.Second)
	assert.Equal(t, 2, s.count())
	assert.Equal(t, key.Fingerprint(), current(t, next.rotator).Fingerprint())
	listed, err := next.Keys().List(t.Context(), key)
	require.NoError(t, err)
	assert.True(t, listed[0].Matches(key))
}
