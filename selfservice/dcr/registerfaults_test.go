package dcr_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errFault = errors.New("a fault of this test")

// world counts the I/O operations of one process and makes one of them fail:
// before it is carried out, or afterwards, so that its response is lost. If the
// process dies of it, nothing later is carried out.
type world struct {
	at          int
	after, dies bool

	points int
	name   string // of the operation that failed
}

func (w *world) do(name string, call func()) error {
	if w.points++; w.points > w.at && w.name != "" && w.dies {
		return errFault
	}
	if w.points != w.at {
		call()
		return nil
	}
	w.name = name
	if w.after {
		call()
	}
	return errFault
}

func (w *world) RoundTrip(base http.RoundTripper, req *http.Request) (resp *http.Response, err error) {
	if fault := w.do(req.Method, func() { resp, err = base.RoundTrip(req) }); fault != nil {
		return nil, fault
	}
	return resp, err
}

type faultyStore struct {
	*world
	selfservice.Store
}

func (s faultyStore) Load(ctx context.Context) (blob []byte, version string, err error) {
	if fault := s.do("load", func() { blob, version, err = s.Store.Load(ctx) }); fault != nil {
		return nil, "", fault
	}
	return blob, version, err
}

func (s faultyStore) Save(ctx context.Context, blob []byte, version string) (next string, err error) {
	if fault := s.do("save", func() { next, err = s.Store.Save(ctx, blob, version) }); fault != nil {
		return "", fault
	}
	return next, err
}

// TestRegisterWithEveryFaultAtEveryPoint continues in the same process after an
// error, and in another one after a crash. In the end the store has a working
// registration of a client with the Rotator's key or secret. There is more than
// one client only if the response was lost, or if the process died before it had
// stored the response.
func TestRegisterWithEveryFaultAtEveryPoint(t *testing.T) {
	for _, method := range []string{"private_key_jwt", "client_secret_basic"} {
		for _, after := range []bool{false, true} {
			for _, dies := range []bool{false, true} {
				at := 1
				for done := false; !done; at++ {
					name := fmt.Sprintf("%s/%d after=%t dies=%t", method, at, after, dies)
					synctest.Test(t, func(t *testing.T) {
						w := &world{at: at, after: after, dies: dies}
						registersInTheEnd(t, name, method, w)
						done = w.name == ""
					})
					require.Less(t, at, 50)
				}
				require.Greater(t, at, 9, "discovery, the request, and what both stores are asked")
			}
		}
	}
}

func registersInTheEnd(t *testing.T, name, method string, w *world) {
	s, registration, credential := &registrar{}, &selfservice.Mem{}, &selfservice.Mem{}
	process := func(w *world) *replica {
		r := newReplica(s, faultyStore{w, registration}, faultyStore{w, credential})
		base := r.Base
		r.Base = roundTripper(func(req *http.Request) (*http.Response, error) { return w.RoundTrip(base, req) })
		if r.app.Metadata["token_endpoint_auth_method"] = []byte(`"` + method + `"`); method != "private_key_jwt" {
			r.bySecret()
		}
		return r
	}
	r := process(w)
	made, err := r.register(t)
	if w.name != "" && err != nil {
		require.ErrorIs(t, err, errFault, name)
		if w.dies {
			r = process(&world{})
		}
		made, err = r.register(t)
	}
	require.NoError(t, err, name)

	s.mu.Lock()
	client := s.clients[made.ClientID]
	s.mu.Unlock()
	require.NotNil(t, client, name)
	fresh := process(&world{})
	again, err := fresh.register(t)
	require.NoError(t, err, name)
	sameRegistration(t, made, again)
	_, err = fresh.Read(t.Context())
	require.NoError(t, err, name)
	if method == "private_key_jwt" {
		key, err := fresh.rotator.SigningKey(t.Context())
		require.NoError(t, err, name)
		set := client["jwks"].(map[string]any)["keys"].([]any)
		require.Len(t, set, 1, name)
		assert.Equal(t, key.KeyID(), set[0].(map[string]any)["kid"], name)
	} else {
		secret, err := fresh.rotator.ClientSecret(t.Context())
		require.NoError(t, err, name)
		assert.Equal(t, client["client_secret"], secret.Reveal(), name)
	}
	lost := w.name == http.MethodPost && w.after || w.name == "save" && w.dies && !w.after
	if !lost {
		assert.Equal(t, 1, s.count(), "%s: %s", name, w.name)
	}
	assert.LessOrEqual(t, s.count(), 2, name)
}
