package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/must"
	"github.com/nokkel/nokkel/selfservice/sqlstore"
	"github.com/nokkel/nokkel/selfservice/sqlstore/internal/sqlcheck"
	"github.com/nokkel/nokkel/selfservice/storetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// postgres returns a new table, reached by the DSN as change leaves it.
func postgres(t *testing.T, name string, change func(*url.URL)) sqlstore.Table {
	t.Helper()
	dsn, err := url.Parse(sqlcheck.Env(t, "NOKKEL_POSTGRES", ".ci/postgres"))
	require.NoError(t, err)
	change(dsn)
	db, err := sql.Open("pgx", dsn.String())
	require.NoError(t, err)
	table := sqlstore.Table{DB: db, Dialect: sqlstore.PostgreSQL, Name: name}
	t.Cleanup(func() {
		_, err := db.Exec("DROP TABLE IF EXISTS " + name)
		assert.NoError(t, err)
		db.Close()
	})
	require.NoError(t, table.Create(t.Context()))
	return table
}

func with(name, value string) func(*url.URL) {
	return func(u *url.URL) {
		q := u.Query()
		q.Set(name, value)
		u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // PostgreSQL wants a space like this
	}
}

// TestPostgreSQLSettings: the contract holds at every isolation level, and in the
// query modes that a transaction pooler needs: without prepared statements or other
// session state.
func TestPostgreSQLSettings(t *testing.T) {
	for _, setting := range [][2]string{
		{"default_transaction_isolation", "repeatable read"},
		{"default_transaction_isolation", "serializable"},
		{"default_query_exec_mode", "exec"},
		{"default_query_exec_mode", "simple_protocol"},
		{"default_query_exec_mode", "cache_describe"},
	} {
		t.Run(setting[0]+" "+setting[1], func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) selfservice.Store {
				table := postgres(t, "nokkel_settings", with(setting[0], setting[1]))
				return table.Store("client")
			})
		})
	}
}

// TestPostgreSQLEndsTheConnection of a Save that waits for a row, by hand and by a
// timeout: that is an error, not a conflict, nothing changes, and the same Save
// succeeds later.
func TestPostgreSQLEndsTheConnection(t *testing.T) {
	for name, setting := range map[string][2]string{
		"by hand": {"application_name", "nokkel_saving"}, "statement_timeout": {"statement_timeout", "100"}, "lock_timeout": {"lock_timeout", "100"},
	} {
		t.Run(name, func(t *testing.T) {
			table := postgres(t, "nokkel_ended", with(setting[0], setting[1]))
			store := table.Store("client")
			version := must.Save(t, store, "old", "")
			holder, err := table.DB.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			_, err = holder.ExecContext(t.Context(), "SELECT * FROM nokkel_ended FOR UPDATE")
			require.NoError(t, err)
			failed := make(chan error)
			go func() {
				_, err := store.Save(t.Context(), []byte("new"), version)
				failed <- err
			}()
			if name == "by hand" {
				require.Eventually(t, func() bool {
					var ended bool
					err := table.DB.QueryRow("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nokkel_saving' AND wait_event_type = 'Lock'").Scan(&ended)
					return err == nil && ended
				}, 10*time.Second, 10*time.Millisecond)
			}
			err = <-failed
			require.Error(t, err)
			assert.NotErrorIs(t, err, selfservice.ErrConflict)
			require.NoError(t, holder.Rollback())
			blob, same := must.Load(t, store)
			assert.Equal(t, "old", blob)
			assert.Equal(t, version, same)
			must.Save(t, store, "new", version)
		})
	}
}

// TestPostgreSQLLosesTheReply to the commit of a Save: Save returns an error that is
// no conflict, and Load the new blob.
func TestPostgreSQLLosesTheReply(t *testing.T) {
	var lose atomic.Bool
	table := postgres(t, "nokkel_reply", func(u *url.URL) { u.Host = sqlcheck.Proxy(t, u.Host, "COMMIT\x00", &lose) })
	store := table.Store("client")
	version := must.Save(t, store, "old", "")
	version = must.Save(t, store, "older", version) // the statement is prepared
	lose.Store(true)
	_, err := store.Save(t.Context(), []byte("new"), version)
	require.Error(t, err)
	require.NotErrorIs(t, err, selfservice.ErrConflict)
	require.False(t, lose.Load())
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		blob, next, err := store.Load(t.Context())
		require.NoError(c, err)
		assert.Equal(c, "new", string(blob))
		assert.NotEqual(c, version, next)
	}, 10*time.Second, 10*time.Millisecond)
	_, err = store.Save(t.Context(), []byte("again"), version)
	require.ErrorIs(t, err, selfservice.ErrConflict)
}

// TestPostgreSQLOthersAreNoConflict: at the level serializable a statement of its own
// would be refused for what others save in other rows.
func TestPostgreSQLOthersAreNoConflict(t *testing.T) {
	table := postgres(t, "nokkel_others", with("default_transaction_isolation", "serializable"))
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			store, version := table.Store(fmt.Sprint("client ", i)), ""
			for range 100 {
				next, err := store.Save(t.Context(), make([]byte, 4000), version)
				if !assert.NoError(t, err) {
					return
				}
				version = next
			}
		})
	}
	all.Wait()
}

// TestPostgreSQLEncoding uses a database whose encoding lacks most runes.
func TestPostgreSQLEncoding(t *testing.T) {
	admin := postgres(t, "nokkel_admin", func(*url.URL) {}).DB
	_, err := admin.Exec("CREATE DATABASE nokkel_latin1 ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
	require.NoError(t, err)
	defer func() {
		_, err := admin.Exec("DROP DATABASE nokkel_latin1 WITH (FORCE)")
		assert.NoError(t, err)
	}()
	dsn, err := url.Parse(sqlcheck.Env(t, "NOKKEL_POSTGRES", ".ci/postgres"))
	require.NoError(t, err)
	dsn.Path = "nokkel_latin1"
	with("client_encoding", "UTF8")(dsn)
	db, err := sql.Open("pgx", dsn.String())
	require.NoError(t, err)
	defer db.Close()
	table := sqlstore.Table{DB: db, Dialect: sqlstore.PostgreSQL, Scheduled: true}
	require.NoError(t, table.Create(t.Context()))
	must.Save(t, table.Store("sykehuset-østfold"), "state", "")
	for _, prefix := range []string{"", "sykehuset-", "sykehuset-ø"} {
		names, err := table.Names(t.Context(), prefix)
		require.NoError(t, err)
		assert.Equal(t, []string{"sykehuset-østfold"}, names)
	}
	names, err := table.Agenda("").Due(t.Context(), time.Now(), time.Minute, 10)
	require.NoError(t, err)
	assert.Equal(t, []string{"sykehuset-østfold"}, names)
}

// TestPostgreSQLCanceledSaves ends saves at any instant, between the statement and
// its commit too: the error says that it was the context.
func TestPostgreSQLCanceledSaves(t *testing.T) {
	store := postgres(t, "nokkel_canceled", func(*url.URL) {}).Store("client")
	const enough = 100
	ended := 0
	for start := time.Now(); ended < enough && time.Since(start) < time.Minute; {
		_, version, err := store.Load(t.Context())
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(2*time.Millisecond))
		_, err = store.Save(ctx, make([]byte, 4000), version)
		cancel()
		if err != nil && !errors.Is(err, selfservice.ErrConflict) { // the one before may have come late
			require.ErrorIs(t, err, context.DeadlineExceeded)
			ended++
		}
	}
	assert.Equal(t, enough, ended, "where a save is faster than a timer, one in 200 ends")
}
