package selfservice_test

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/nokkel/nokkel/selfservice/internal/must"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAdoptedCredentialIsNotServedWhileAStoredOneWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		r, first := adopted(t, server, server.Registrar(nil))
		require.NoError(t, r.Rotate(t.Context()))
		require.NoError(t, r.Adopt(t.Context(), first))
		second := active(t, r)
		refuse(t, r, clientSecret(t, r))
		require.NoError(t, steps(t, r))
		assert.Equal(t, second, active(t, r))
	})
}

func TestAdoptRefusesASecretThatIsNotUTF8(t *testing.T) {
	r := &selfservice.Rotator{Store: &selfservice.Mem{}}
	require.Error(t, r.Adopt(t.Context(), secretCredential("bl\xe5b\xe6r"))) // Latin-1
	_, err := r.Status(t.Context())
	require.ErrorIs(t, err, selfservice.ErrNotAdopted)
}

func TestStateThatIsTooLargeToLoadIsNotSaved(t *testing.T) {
	server := &model.Server{}
	r, first := adopted(t, server, &hookedProvider{Provider: server.Registrar(nil), report: func(r *selfservice.Registration) {
		r.ID = strings.Repeat("x", 2<<20)
	}})
	_, err := r.Step(t.Context())
	require.ErrorContains(t, err, "too large")
	again := &selfservice.Rotator{Store: r.Store}
	assert.Equal(t, first.Fingerprint(), active(t, again))
}

func TestAdoptIsReportedByTheReplicaThatSaved(t *testing.T) {
	store := &selfservice.Mem{}
	var events recorder
	for _, secret := range []string{"of the first replica", "of the second replica"} {
		r := &selfservice.Rotator{Store: late(store), OnEvent: events.add}
		require.NoError(t, r.Adopt(t.Context(), secretCredential(secret)))
	}
	require.Len(t, events.events, 1)
	assert.Equal(t, secretCredential("of the first replica").Fingerprint(), events.events[0].Credential)
}

// late is a store in which another replica saves between the first Load and Save.
func late(store selfservice.Store) selfservice.Store {
	read := false
	return &hookedStore{Store: store, load: func(_ context.Context, call func() error) error {
		if !read {
			read = true
			return nil // empty
		}
		return call()
	}}
}

// edit changes the stored state as another replica would.
func edit(t *testing.T, store selfservice.Store, change func(state map[string]any)) {
	t.Helper()
	blob, version := must.Load(t, store)
	var state map[string]any
	require.NoError(t, json.Unmarshal([]byte(blob), &state))
	change(state)
	state["serial"] = state["serial"].(float64) + 1
	changed, err := json.Marshal(state)
	require.NoError(t, err)
	must.Save(t, store, string(changed), version)
}

// TestClockThatWasAhead by years when the state was saved, and is right now.
func TestClockThatWasAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		r, first := adopted(t, server, server.OnlyRemoves(nil))
		require.NoError(t, r.Rotate(t.Context()))
		ahead := time.Now().Add(1000 * day)
		edit(t, r.Store, func(state map[string]any) {
			active := state["active"].(map[string]any)
			for _, member := range []string{"made", "since", "registered", "checked"} {
				active[member] = ahead
			}
			state["retiring"].([]any)[0].(map[string]any)["until"] = ahead
			state["lease"] = map[string]any{"owner": "another replica", "until": ahead}
		})
		require.NoError(t, steps(t, r))
		time.Sleep(61 * time.Minute)
		require.NoError(t, steps(t, r))
		assert.False(t, server.Knows(first.Fingerprint()), "the overlap is over")
		st := status(t, r)
		assert.Less(t, time.Until(st.Due), 91*day)
		assert.LessOrEqual(t, time.Until(st.Next), day)
	})
}

func TestClockThatWasAheadWhileACredentialIsPending(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"years": 1000 * day, "half an hour": 30 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &model.Server{Propagation: 4 * time.Minute, Publish: true}
				s := &spy{}
				r, first := adopted(t, server, server.Registrar(s.do))
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				require.Error(t, r.Rotate(ctx))
				cancel()
				edit(t, r.Store, func(state map[string]any) {
					pending := state["pending"].(map[string]any)
					pending["registered"] = time.Now().Add(ahead)
					pending["registration"].(map[string]any)["usableFrom"] = time.Now().Add(ahead).Add(2 * time.Minute)
					delete(state, "lease")
				})
				ctx, cancel = context.WithCancel(t.Context())
				defer cancel()
				go r.Run(ctx)
				time.Sleep(time.Hour)
				assert.NotEqual(t, first.Fingerprint(), active(t, r))
				assert.Less(t, s.count("verify"), 90)
			})
		})
	}
}

// TestIssuedSecretOfALateReplicaIsKept: its lease ends during the call, and only it
// has the secret that the server accepts.
func TestIssuedSecretOfALateReplicaIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{ReplaceAtOnce: true}
		s := &spy{on: map[string]func(){}}
		r, _ := adopted(t, server, server.Issuer(s.do))
		s.on["issue"] = func() { edit(t, r.Store, func(map[string]any) {}) } // by another replica
		require.NoError(t, r.Rotate(t.Context()))
		assert.True(t, server.Accepts(active(t, r)))
		assert.Equal(t, 1, server.Registered())
	})
}

// TestIssuedSecretThatAnotherReplicaReadIsNotRetired: the secret of the late replica
// is active by now.
func TestIssuedSecretThatAnotherReplicaReadIsNotRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		s := &spy{on: map[string]func(){}}
		r, _ := adopted(t, server, server.FullIssuer(s.do))
		other := &selfservice.Rotator{Provider: server.FullIssuer(nil), Store: r.Store}
		s.on["issue"] = func() {
			time.Sleep(5 * time.Minute) // longer than its lease
			assert.NoError(t, other.Rotate(t.Context()))
		}
		require.NoError(t, r.Rotate(t.Context()))
		require.Equal(t, 1, server.Registered())
		time.Sleep(2 * time.Hour)
		require.NoError(t, steps(t, r))
		assert.True(t, server.Accepts(active(t, r)))
		assert.Equal(t, 1, server.Count())
		assert.Equal(t, 1, s.count("deactivate"), "the first one, once")
	})
}

// TestIssuedSecretOfALateReplicaReplacesNoOther that another replica has saved
// meanwhile.
func TestIssuedSecretOfALateReplicaReplacesNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		s := &spy{on: map[string]func(){}}
		r, first := adopted(t, server, server.FullIssuer(s.do))
		others := secretCredential("what the other replica was given")
		s.on["issue"] = func() {
			server.Adopt(others)
			edit(t, r.Store, func(state map[string]any) {
				state["pending"] = map[string]any{"secret": others.Secret.Reveal(), "made": time.Now(), "registered": time.Now()}
				delete(state, "lease")
			})
		}
		require.NoError(t, r.Rotate(t.Context()))
		st := status(t, r)
		assert.Equal(t, others.Fingerprint(), st.Active.Fingerprint)
		require.Len(t, st.Retiring, 2)
		assert.Equal(t, first.Fingerprint(), st.Retiring[1].Fingerprint)
		assert.True(t, server.Accepts(st.Retiring[0].Fingerprint), "the late one is kept, as the server accepts it")
	})
}

func TestDamagedStoreIsReportedOnce(t *testing.T) {
	aead, dirs := aesGCM(t, 1), t.TempDir()
	for name, wrap := range map[string]func(selfservice.Store) selfservice.Store{
		"plain":  func(s selfservice.Store) selfservice.Store { return s },
		"sealed": func(s selfservice.Store) selfservice.Store { return selfservice.Seal(s, "app", aead) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the first rotator's lease is waited out
				path := filepath.Join(dirs, name)
				server := &model.Server{}
				r, first := adopted(t, server, server.Registrar(nil))
				dir := wrap(filestore.Dir(path))
				r = &selfservice.Rotator{Provider: r.Provider, Store: dir}
				require.NoError(t, r.Adopt(t.Context(), first))
				require.NoError(t, r.Rotate(t.Context()))
				files, err := filepath.Glob(filepath.Join(path, "state-*"))
				require.NoError(t, err)
				newest := slices.MaxFunc(files, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
				require.NoError(t, os.Truncate(newest, 100))

				r = &selfservice.Rotator{Provider: r.Provider, Store: dir}
				events := record(r)
				require.NoError(t, steps(t, r))
				require.NoError(t, r.Rotate(t.Context()))
				damaged := events.of(selfservice.EventDamaged)
				require.Len(t, damaged, 1)
				require.ErrorIs(t, damaged[0].Err, selfservice.ErrCorrupt)
				assert.ErrorContains(t, damaged[0].Err, newest)
				assert.True(t, server.Accepts(active(t, r)))

				other := &selfservice.Rotator{Provider: r.Provider, Store: dir}
				require.NoError(t, other.Rotate(t.Context()))
				_, err = r.Step(t.Context()) // reads what the other one has saved
				require.NoError(t, err)
				assert.Equal(t, 1, events.count(selfservice.EventDamaged), "nothing is new, though the damaged file is still there")
			})
		})
	}
}
