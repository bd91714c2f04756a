package sqltest

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/lib/pq"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/sqlstore"
	"github.com/nokkel/nokkel/selfservice/sqlstore/internal/sqlcheck"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
)

func TestSQLite(t *testing.T) {
	for _, journal := range []string{"delete", "wal"} {
		t.Run(journal, func(t *testing.T) {
			file := filepath.ToSlash(filepath.Join(t.TempDir(), "state.db"))
			sqlcheck.Run(t, sqlstore.SQLite, "sqlite", "file:"+file+"?_pragma=busy_timeout(20000)&_pragma=journal_mode("+journal+")")
		})
	}
}

// TestSQLiteEncoding: names of a database in UTF-16 would sort in another order.
func TestSQLiteEncoding(t *testing.T) {
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(t.TempDir(), "state.db"))+"?_pragma=encoding('UTF-16le')")
	require.NoError(t, err)
	defer db.Close()
	require.ErrorIs(t, sqlstore.Table{DB: db, Dialect: sqlstore.SQLite}.Create(t.Context()), selfservice.ErrConfig)
}

func TestMySQL(t *testing.T) {
	dsn := sqlcheck.Env(t, "NOKKEL_MYSQL", ".ci/mariadb")
	sqlcheck.Run(t, sqlstore.MySQL, "mysql", dsn)
	// What a server or a user may have set: a conversion that does not keep all
	// bytes, reads of what is not committed, and a count of rows found, not changed.
	t.Run("session", func(t *testing.T) {
		sqlcheck.Run(t, sqlstore.MySQL, "mysql", dsn+"?collation_connection=latin1_swedish_ci&tx_isolation='READ-UNCOMMITTED'&clientFoundRows=true")
	})
}

// TestMySQLAutocommitOff: others see what was saved, and it outlives the process. The
// empty prefix is no NULL.
func TestMySQLAutocommitOff(t *testing.T) {
	dsn := sqlcheck.Env(t, "NOKKEL_MYSQL", ".ci/mariadb")
	tables := make([]sqlstore.Table, 2)
	for i := range tables {
		db, err := sql.Open("mysql", dsn+"?autocommit=0&sql_mode='STRICT_TRANS_TABLES,EMPTY_STRING_IS_NULL'")
		require.NoError(t, err)
		defer db.Close()
		tables[i] = sqlstore.Table{DB: db, Dialect: sqlstore.MySQL, Name: "nokkel_autocommit", Scheduled: true}
		require.NoError(t, tables[i].Create(t.Context()))
	}
	defer tables[1].DB.Exec("DROP TABLE nokkel_autocommit")
	version, err := tables[0].Store("client").Save(t.Context(), []byte("state"), "")
	require.NoError(t, err)
	names, err := tables[0].Names(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []string{"client"}, names)
	names, err = tables[0].Agenda("").Due(t.Context(), time.Now(), time.Hour, 10)
	require.NoError(t, err)
	require.Equal(t, []string{"client"}, names)
	require.NoError(t, tables[0].DB.Close())
	blob, seen, err := tables[1].Store("client").Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "state", string(blob))
	assert.Equal(t, version, seen)
	names, err = tables[1].Agenda("").Due(t.Context(), time.Now(), time.Hour, 10)
	require.NoError(t, err)
	assert.Empty(t, names, "the first process has taken it")
}

// TestPQ: lib/pq sends a statement again whose connection it lost. A transaction
// keeps it from doing so, or it would take its first try for another writer's save.
func TestPQ(t *testing.T) {
	dsn := sqlcheck.Env(t, "NOKKEL_POSTGRES", ".ci/postgres")
	sqlcheck.Run(t, sqlstore.PostgreSQL, "postgres", dsn)
	for name, at := range map[string]string{"the reply to the update": "UPDATE 1\x00", "the reply to the commit": "COMMIT\x00"} {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(dsn)
			require.NoError(t, err)
			var lose atomic.Bool
			u.Host = sqlcheck.Proxy(t, u.Host, at, &lose)
			db, err := sql.Open("postgres", u.String())
			require.NoError(t, err)
			defer db.Close()
			table := sqlstore.Table{DB: db, Dialect: sqlstore.PostgreSQL, Name: "nokkel_pq"}
			require.NoError(t, table.Create(t.Context()))
			defer db.Exec("DROP TABLE nokkel_pq")
			store := table.Store("client")
			version, err := store.Save(t.Context(), []byte("old"), "")
			require.NoError(t, err)
			lose.Store(true)
			_, err = store.Save(t.Context(), []byte("new"), version)
			require.Error(t, err)
			require.NotErrorIs(t, err, selfservice.ErrConflict)
			require.False(t, lose.Load())
		})
	}
}
