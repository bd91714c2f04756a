package sqlstore_test

import (
	"database/sql"
	"io"
	"net"
	"net/url"
	"strings"
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

// TestPostgreSQLLosesTheReply to a Save that was carried out: Save returns an error,
// and Load the new blob.
func TestPostgreSQLLosesTheReply(t *testing.T) {
	var lose atomic.Bool
	table := postgres(t, "nokkel_reply", func(u *url.URL) { u.Host = proxy(t, u.Host, &lose) })
	store := table.Store("client")
	version := must.Save(t, store, "old", "")
	version = must.Save(t, store, "older", version) // the statement is prepared
	lose.Store(true)
	_, err := store.Save(t.Context(), []byte("new"), version)
	require.Error(t, err)
	lose.Store(false)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		blob, next, err := store.Load(t.Context())
		require.NoError(c, err)
		assert.Equal(c, "new", string(blob))
		assert.NotEqual(c, version, next)
	}, 10*time.Second, 10*time.Millisecond)
	_, err = store.Save(t.Context(), []byte("again"), version)
	require.ErrorIs(t, err, selfservice.ErrConflict)
}

// proxy forwards connections to a server. While lose is set it closes each one at
// the first answer.
func proxy(t *testing.T, server string, lose *atomic.Bool) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			go func() { io.Copy(upstream, client); upstream.Close() }()
			go func() {
				defer client.Close()
				for buf := make([]byte, 4096); ; {
					n, err := upstream.Read(buf)
					if err != nil || lose.Load() {
						return
					}
					client.Write(buf[:n])
				}
			}()
		}
	}()
	return listener.Addr().String()
}
