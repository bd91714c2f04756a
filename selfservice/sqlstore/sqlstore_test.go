package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/must"
	"github.com/nokkel/nokkel/selfservice/sqlstore"
	"github.com/nokkel/nokkel/selfservice/sqlstore/internal/sqlcheck"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPostgreSQL(t *testing.T) {
	sqlcheck.Run(t, sqlstore.PostgreSQL, "pgx", sqlcheck.Env(t, "NOKKEL_POSTGRES", ".ci/postgres"))
}

// TestPostgreSQLOtherColumn type: an error about the value would quote it.
func TestPostgreSQLOtherColumn(t *testing.T) {
	db, err := sql.Open("pgx", sqlcheck.Env(t, "NOKKEL_POSTGRES", ".ci/postgres"))
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "CREATE TABLE other_column (name text PRIMARY KEY, version bigint, state integer)")
	require.NoError(t, err)
	defer db.Exec("DROP TABLE other_column")
	store := sqlstore.Table{DB: db, Dialect: sqlstore.PostgreSQL, Name: "other_column"}.Store("client")
	_, err = store.Save(t.Context(), []byte("do-not-tell"), "")
	require.ErrorContains(t, err, "type integer")
	assert.NotContains(t, err.Error(), "do-not-tell")
	_, err = store.Save(t.Context(), []byte("do-not-tell"), "1")
	require.ErrorContains(t, err, "type integer")
	assert.NotContains(t, err.Error(), "do-not-tell")
}

// TestPostgreSQLSchema: the table is in a schema of another role, and the program's
// role may use it but create none.
func TestPostgreSQLSchema(t *testing.T) {
	dsn := sqlcheck.Env(t, "NOKKEL_POSTGRES", ".ci/postgres")
	owner, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer owner.Close()
	table := sqlstore.Table{DB: owner, Dialect: sqlstore.PostgreSQL, Name: "sqlstore_test.state"}
	schema, err := table.Schema()
	require.NoError(t, err)
	defer owner.Exec("DROP SCHEMA sqlstore_test CASCADE; DROP ROLE sqlstore_user")
	_, err = owner.ExecContext(t.Context(), "CREATE SCHEMA sqlstore_test; CREATE ROLE sqlstore_user; "+
		"GRANT USAGE ON SCHEMA sqlstore_test TO sqlstore_user; "+schema+"; "+
		"GRANT SELECT, INSERT, UPDATE ON sqlstore_test.state TO sqlstore_user")
	require.NoError(t, err)

	config, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	config.RuntimeParams["role"] = "sqlstore_user"
	table.DB = stdlib.OpenDB(*config)
	defer table.DB.Close()
	require.NoError(t, table.Create(t.Context()))
	must.Save(t, table.Store("client"), "state", "")
	table.Name = "sqlstore_test.absent"
	require.ErrorContains(t, table.Create(t.Context()), "permission denied")
}

// nowhere returns a database that cannot be reached.
func nowhere(t testing.TB) *sql.DB {
	db, err := sql.Open("pgx", "postgres://127.0.0.1:1/none?connect_timeout=1")
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func TestConfiguration(t *testing.T) {
	db := nowhere(t)
	long := strings.Repeat("x", 64)
	for rule, c := range map[string]struct {
		table sqlstore.Table
		name  string
	}{
		"no database":            {sqlstore.Table{Dialect: sqlstore.SQLite}, "a"},
		"no dialect":             {sqlstore.Table{DB: db}, "a"},
		"unknown dialect":        {sqlstore.Table{DB: db, Dialect: 4}, "a"},
		"negative dialect":       {sqlstore.Table{DB: db, Dialect: -1}, "a"},
		"table with a space":     {sqlstore.Table{DB: db, Dialect: 1, Name: "a b"}, "a"},
		"table with a quote":     {sqlstore.Table{DB: db, Dialect: 1, Name: `a"`}, "a"},
		"table with a statement": {sqlstore.Table{DB: db, Dialect: 1, Name: "a; DROP TABLE b"}, "a"},
		"table in upper case":    {sqlstore.Table{DB: db, Dialect: 1, Name: "State"}, "a"},
		"table with a digit":     {sqlstore.Table{DB: db, Dialect: 1, Name: "1a"}, "a"},
		"table with ?":           {sqlstore.Table{DB: db, Dialect: 1, Name: "a?"}, "a"},
		"table of 64 letters":    {sqlstore.Table{DB: db, Dialect: 1, Name: long}, "a"},
		"empty schema":           {sqlstore.Table{DB: db, Dialect: 1, Name: ".a"}, "a"},
		"empty table":            {sqlstore.Table{DB: db, Dialect: 1, Name: "a."}, "a"},
		"three parts":            {sqlstore.Table{DB: db, Dialect: 1, Name: "a.b.c"}, "a"},
		"no name":                {sqlstore.Table{DB: db, Dialect: 1}, ""},
		"name of 256 bytes":      {sqlstore.Table{DB: db, Dialect: 1}, strings.Repeat("x", 256)},
		"name with NUL":          {sqlstore.Table{DB: db, Dialect: 1}, "a\x00"},
		"name not UTF-8":         {sqlstore.Table{DB: db, Dialect: 1}, "\xff"},
		"name with U+10FFFF":     {sqlstore.Table{DB: db, Dialect: 1}, "a\U0010FFFF"},
	} {
		t.Run(rule, func(t *testing.T) {
			_, _, err := c.table.Store(c.name).Load(t.Context())
			require.ErrorIs(t, err, selfservice.ErrConfig)
			_, err = c.table.Store(c.name).Save(t.Context(), []byte("x"), "")
			require.ErrorIs(t, err, selfservice.ErrConfig)
			if c.name == "a" {
				require.ErrorIs(t, c.table.Create(t.Context()), selfservice.ErrConfig)
			}
		})
	}
}

// TestUnreachable: the error is the driver's, without the blob.
func TestUnreachable(t *testing.T) {
	table := sqlstore.Table{DB: nowhere(t), Dialect: sqlstore.PostgreSQL}
	_, err := table.Store("client").Save(t.Context(), []byte("do-not-tell"), "")
	require.Error(t, err)
	assert.NotErrorIs(t, err, selfservice.ErrConflict)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "do-not-tell")
	require.Error(t, table.Create(t.Context()))
}

func ExampleTable() {
	run := func(ctx context.Context, db *sql.DB) error {
		table := sqlstore.Table{DB: db, Dialect: sqlstore.PostgreSQL, Name: "clients.state"}
		if err := table.Create(ctx); err != nil {
			return err
		}
		names, err := table.Names(ctx, "hospital-7/")
		if err != nil {
			return err
		}
		for _, name := range names {
			_ = table.Store(name) // the Store of a Rotator
		}
		return nil
	}
	_ = run
}
