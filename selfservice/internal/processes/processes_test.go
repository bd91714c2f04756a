package processes_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/nokkel/nokkel/selfservice/sqlstore"
)

const (
	replicas = 3
	patience = 2 * time.Minute // on a busy machine
)

func TestDir(t *testing.T) {
	everyServer(t, func(t *testing.T) place {
		return place{Dir: filepath.Join(t.TempDir(), "key")}
	})
}

// postgres returns the DSN of the database. Without one it skips the test, or fails
// it in CI.
func postgres(t *testing.T) string {
	t.Helper()
	dsn := os.Getenv("NOKKEL_POSTGRES")
	if dsn == "" && live() {
		t.Fatal("NOKKEL_POSTGRES is not set")
	}
	if dsn == "" {
		t.Skip("NOKKEL_POSTGRES is not set: run .ci/postgres go test")
	}
	return dsn
}

func TestPostgreSQL(t *testing.T) {
	dsn := postgres(t)
	everyServer(t, func(t *testing.T) place {
		db, err := sql.Open("pgx", dsn)
		require.NoError(t, err)
		t.Cleanup(func() { db.Close() })
		p := place{DSN: dsn, Table: "nokkel_" + strings.ToLower(rand.Text())}
		require.NoError(t, sqlstore.Table{DB: db, Dialect: sqlstore.PostgreSQL, Name: p.Table}.Create(t.Context()))
		t.Cleanup(func() { db.Exec("DROP TABLE " + p.Table) })
		return p
	})
}

func live() bool { return os.Getenv("NOKKEL_LIVE") == "1" }

func everyServer(t *testing.T, newPlace func(*testing.T) place) {
	for name, replace := range map[string]helseidtest.Replacement{
		"the server keeps earlier keys":    helseidtest.Keep,
		"the server replaces keys at once": helseidtest.AtOnce,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := helseidtest.New()
			defer server.Close()
			server.Replace = replace
			server.TokenLifetime = 5 * time.Second
			test(t, server, newPlace(t))
		})
	}
}

// test lets replicas rotate and call an API while they are killed again and again,
// and then compares the store with the server.
func test(t *testing.T, server *helseidtest.Server, p place) {
	store, err := p.open()
	require.NoError(t, err)
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	server.AddClient(clientID, key.PublicKey())
	require.NoError(t, (&selfservice.Rotator{Store: store}).Adopt(t.Context(), selfservice.Credential{Key: key}))

	want := 2
	if live() {
		want = 8
	}
	s := &swarm{t: t, server: server, place: p, store: store}
	s.run(func(rotations, midRotation int) bool { return rotations >= want && midRotation >= want })
	assert.Empty(t, s.failed, "failed requests")
	assert.GreaterOrEqual(t, s.midRotation, want, "kills in the middle of a rotation")

	st := finish(t, server, store)
	assert.GreaterOrEqual(t, st.Rotations, want)
	assert.Equal(t, st.Rotations, server.Counts().Registrations, "one registration for each rotation")
	assert.True(t, server.Accepts(clientID, st.Active.Fingerprint))
	served, err := (&selfservice.Rotator{Store: store}).SigningKey(t.Context())
	require.NoError(t, err)
	assert.Equal(t, st.Active.Fingerprint, served.Thumbprint())
	if p.Dir != "" {
		debris, err := filepath.Glob(filepath.Join(p.Dir, "*.tmp-*"))
		require.NoError(t, err)
		assert.Empty(t, debris, "a save removes what killed processes left")
	}
	t.Logf("%d processes at a time: %d rotations, %d registrations, %d requests, %d failed; %d kills, %d of them in the middle of a rotation, %d after a registration that was not saved; %d steps failed",
		replicas, st.Rotations, server.Counts().Registrations, server.Counts().Calls, len(s.failed), s.kills, s.midRotation, s.lost, s.failedSteps)
}

// finish completes a rotation and retires the old keys.
func finish(t *testing.T, server *helseidtest.Server, store selfservice.Store) selfservice.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := &selfservice.Rotator{
		Provider: &helseid.Client{Environment: server.Environment(), ClientID: clientID}, Store: store,
		Timing: selfservice.Timing{Overlap: timing.Overlap, Reread: timing.Reread, Propagation: -1},
	}
	require.NoError(t, r.Rotate(ctx))
	for {
		st, err := r.Status(ctx)
		require.NoError(t, err)
		require.Nil(t, st.Pending)
		if len(st.Retiring) == 0 {
			return st
		}
		_, err = r.Step(ctx)
		require.NoError(t, err)
		time.Sleep(pause)
	}
}
