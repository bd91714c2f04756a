package selfservice_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/nokkel/nokkel/selfservice/internal/must"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// backup is a store that can be restored to what it held before.
type backup struct {
	disk atomic.Pointer[selfservice.Mem]
	kept string
}

func (b *backup) Load(ctx context.Context) ([]byte, string, error) { return b.disk.Load().Load(ctx) }

func (b *backup) Save(ctx context.Context, blob []byte, version string) (string, error) {
	return b.disk.Load().Save(ctx, blob, version)
}

func (b *backup) keep(t *testing.T) {
	b.kept, _ = must.Load(t, b)
}

// restore puts the kept state into the store, under a new version.
func (b *backup) restore(t *testing.T) {
	_, version := must.Load(t, b)
	must.Save(t, b, b.kept, version)
}

// TestStoreThatGoesBack: it is restored from a backup, or a standby without the last
// commits takes over. The replicas keep what they hold and the server accepts.
func TestStoreThatGoesBack(t *testing.T) {
	type when func(t *testing.T, store *backup, rotate func())
	for name, when := range map[string]when{
		"before the last rotation": func(t *testing.T, store *backup, rotate func()) {
			store.keep(t)
			rotate()
			store.restore(t)
		},
		"before the last two": func(t *testing.T, store *backup, rotate func()) {
			store.keep(t)
			rotate()
			time.Sleep(2 * time.Hour) // the first one is retired
			rotate()
			time.Sleep(2 * time.Hour)
			store.restore(t)
		},
		"to nothing": func(t *testing.T, store *backup, rotate func()) {
			rotate()
			store.disk.Store(&selfservice.Mem{})
		},
	} {
		for kind, server := range map[string]*model.Server{"overlap": {}, "at once": {ReplaceAtOnce: true}} {
			t.Run(name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := &backup{}
					store.disk.Store(&selfservice.Mem{})
					first, _ := adopted(t, server, server.OnlyRemoves(nil))
					blob, _ := must.Load(t, first.Store)
					must.Save(t, store, blob, "")
					var events recorder
					var replicas []*selfservice.Rotator
					for range 3 {
						r := &selfservice.Rotator{Provider: first.Provider, Store: store, Timing: oneNode, OnEvent: events.add}
						replicas = append(replicas, r)
						go r.Run(t.Context())
					}
					time.Sleep(time.Minute)
					when(t, store, func() {
						require.NoError(t, replicas[0].Rotate(t.Context()))
						time.Sleep(2 * time.Minute) // until all have read it
					})
					for range 24 * 60 {
						for _, r := range replicas {
							require.True(t, server.Accepts(fingerprint(clientSecret(t, r))))
						}
						time.Sleep(time.Minute)
					}
					assert.Positive(t, events.count(selfservice.EventDamaged))
					assert.True(t, server.Accepts(active(t, &selfservice.Rotator{Store: store})), "it is written back")
					for i := range 2 {
						require.NoError(t, replicas[i].Rotate(t.Context()))
						time.Sleep(2 * time.Hour)
					}
					st, err := replicas[2].Status(t.Context())
					require.NoError(t, err)
					assert.True(t, server.Accepts(st.Active.Fingerprint))
					assert.Empty(t, st.Retiring)
					assert.Equal(t, 1, server.Count(), "one credential is left")
				})
			})
		}
	}
}
