// Package sqlcheck has the tests of sqlstore that every dialect must pass on a live
// database. It imports no driver.
package sqlcheck

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/must"
	"github.com/nokkel/nokkel/selfservice/sqlstore"
	"github.com/nokkel/nokkel/selfservice/storetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Env returns the DSN in an environment variable. Without one it skips the test, or
// fails it in CI. The script starts a server.
func Env(t *testing.T, variable, script string) string {
	t.Helper()
	dsn := os.Getenv(variable)
	if dsn == "" && os.Getenv("NOKKEL_LIVE") == "1" {
		t.Fatalf("%s is not set", variable)
	}
	if dsn == "" {
		t.Skipf("%s is not set: run %s go test", variable, script)
	}
	return dsn
}

// Run checks the dialect on the database.
func Run(t *testing.T, dialect sqlstore.Dialect, driver, dsn string) {
	c := check{dialect, driver, dsn}
	t.Run("contract", func(t *testing.T) {
		storetest.RunShared(t,
			func(t *testing.T) string { return dsn + "\n" + c.create(t).Name },
			func(t *testing.T, place string) selfservice.Store {
				dsn, name, _ := strings.Cut(place, "\n") // in a worker, a dsn with a temporary file would differ
				return check{dialect, driver, dsn}.table(t, name).Store("client")
			})
	})
	t.Run("several create the table at once", c.createsAtOnce)
	t.Run("create refuses another table", c.createRefuses)
	t.Run("rows are apart", c.rowsAreApart)
	t.Run("names", c.names)
	t.Run("a version does not come back with a row that was deleted", c.deleted)
	t.Run("a version does not come back with a backup", c.restored)
	t.Run("a call that waits heeds its context", c.waits)
	t.Run("agenda", func(t *testing.T) {
		storetest.RunAgenda(t, func(t *testing.T) (selfservice.Agenda, func(string) selfservice.Store) {
			table := c.createScheduled(t)
			return table.Agenda(""), table.Store
		})
	})
	t.Run("a scheduled table is a store like another", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) selfservice.Store { return c.createScheduled(t).Store("client") })
	})
	t.Run("an agenda has the names of its prefix", c.prefix)
	t.Run("a lease far ahead does not count", c.leaseAhead)
	t.Run("an unscheduled table becomes a scheduled one", c.migrates)
	t.Run("several migrate the table at once", c.migratesAtOnce)
	if dialect != sqlstore.SQLite { // its readers hold up every writer
		t.Run("a migration that waits lets others work", c.migratesBeside)
	}
}

type check struct {
	dialect     sqlstore.Dialect
	driver, dsn string
}

func (c check) table(t *testing.T, name string) sqlstore.Table {
	t.Helper()
	db, err := sql.Open(c.driver, c.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return sqlstore.Table{DB: db, Dialect: c.dialect, Name: name}
}

// create returns a table that is dropped after the test.
func (c check) create(t *testing.T) sqlstore.Table {
	t.Helper()
	table := c.table(t, "nokkel_"+strings.ToLower(rand.Text()))
	c.drop(t, table)
	require.NoError(t, table.Create(t.Context()))
	return table
}

func (c check) drop(t *testing.T, table sqlstore.Table) {
	t.Cleanup(func() {
		_, err := table.DB.ExecContext(context.WithoutCancel(t.Context()), "DROP TABLE "+table.Name)
		assert.NoError(t, err)
	})
}

func (c check) createsAtOnce(t *testing.T) {
	for range 5 {
		table := c.table(t, "nokkel_"+strings.ToLower(rand.Text()))
		c.drop(t, table)
		var all sync.WaitGroup
		for i := range 8 {
			own := c.table(t, table.Name) // like another process
			all.Go(func() {
				assert.NoError(t, own.Create(t.Context()))
				_, err := own.Store(fmt.Sprint(i)).Save(t.Context(), []byte("state"), "")
				assert.NoError(t, err)
			})
		}
		all.Wait()
		names, err := table.Names(t.Context(), "")
		require.NoError(t, err)
		assert.Len(t, names, 8)
	}
}

func (c check) createRefuses(t *testing.T) {
	table := c.table(t, "nokkel_"+strings.ToLower(rand.Text()))
	c.drop(t, table)
	_, err := table.DB.ExecContext(t.Context(), "CREATE TABLE "+table.Name+" (name varchar(10), other integer)")
	require.NoError(t, err)
	require.Error(t, table.Create(t.Context()), "not a table of this package")
}

func (c check) rowsAreApart(t *testing.T) {
	table := c.create(t)
	names := []string{"a", "A", "a ", " a", "ä", "a%", "a_", "'; DROP TABLE x; --", "日本", strings.Repeat("x", 255)}
	for _, name := range names {
		must.Save(t, table.Store(name), name, "")
	}
	for _, name := range names {
		blob, version := must.Load(t, table.Store(name))
		require.Equal(t, name, blob)
		must.Save(t, table.Store(name), "new", version)
	}
}

func (c check) names(t *testing.T) {
	table := c.create(t)
	for _, name := range []string{"b/2", "b/1", "a/1", "b", "b0", "B/1", "b/é", "b/%"} {
		must.Save(t, table.Store(name), "x", "")
	}
	for prefix, want := range map[string][]string{
		"":    {"B/1", "a/1", "b", "b/%", "b/1", "b/2", "b/é", "b0"},
		"b/":  {"b/%", "b/1", "b/2", "b/é"},
		"b/%": {"b/%"},
		"b/é": {"b/é"},
		"퟿":   nil, // before the surrogates
		"_":   nil,
		"c":   nil,
	} {
		got, err := table.Names(t.Context(), prefix)
		require.NoError(t, err)
		assert.Equal(t, want, got, "prefix %q", prefix)
	}
}

func (c check) deleted(t *testing.T) {
	table := c.create(t)
	store := table.Store("client")
	old := must.Save(t, store, "one", "")
	_, err := table.DB.ExecContext(t.Context(), "DELETE FROM "+table.Name)
	require.NoError(t, err)
	_, err = store.Save(t.Context(), []byte("late"), old)
	require.ErrorIs(t, err, selfservice.ErrConflict)
	blob, version := must.Load(t, store)
	assert.Empty(t, blob+version)
	must.Save(t, store, "two", "")
	_, err = store.Save(t.Context(), []byte("late"), old)
	require.ErrorIs(t, err, selfservice.ErrConflict)
}

// restored replaces the newest version with one from a backup, and saves on it.
func (c check) restored(t *testing.T) {
	table := c.create(t)
	store := table.Store("client")
	backup := must.Save(t, store, "backup", "")
	lost := must.Save(t, store, "lost", backup)
	_, err := table.DB.ExecContext(t.Context(), "UPDATE "+table.Name+" SET version = "+backup)
	require.NoError(t, err)
	must.Save(t, store, "new", backup)
	_, err = store.Save(t.Context(), []byte("over the new one"), lost)
	require.ErrorIs(t, err, selfservice.ErrConflict)
}

// waits makes calls while all connections are in use.
func (c check) waits(t *testing.T) {
	table := c.create(t)
	table.DB.SetMaxOpenConns(1)
	busy, err := table.DB.Conn(t.Context())
	require.NoError(t, err)
	defer busy.Close()
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 3)
	go func() { _, _, err := table.Store("a").Load(ctx); failed <- err }()
	go func() { _, err := table.Store("a").Save(ctx, []byte("x"), ""); failed <- err }()
	go func() { _, err := table.Names(ctx, ""); failed <- err }()
	cancel()
	for range 3 {
		require.ErrorIs(t, <-failed, context.Canceled)
	}
}
