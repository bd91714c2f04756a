package sqlcheck

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/must"
	"github.com/nokkel/nokkel/selfservice/sqlstore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (c check) createScheduled(t *testing.T) sqlstore.Table {
	t.Helper()
	table := c.table(t, "nokkel_"+strings.ToLower(rand.Text()))
	table.Scheduled = true
	c.drop(t, table)
	require.NoError(t, table.Create(t.Context()))
	return table
}

func (c check) prefix(t *testing.T) {
	table := c.createScheduled(t)
	for _, name := range []string{"a/1", "b/1", "b/2", "c/1"} {
		must.Save(t, table.Store(name), "x", "")
	}
	names, err := table.Agenda("b/").Due(t.Context(), time.Now(), time.Hour, 10)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"b/1", "b/2"}, names)
	for _, bad := range []func() error{
		func() error { _, err := table.Agenda("").Due(t.Context(), time.Now(), time.Hour, 0); return err },
		func() error { _, err := table.Agenda("").Due(t.Context(), time.Now(), 0, 1); return err },
		func() error { _, err := table.Agenda("").Due(t.Context(), time.Now(), 25*time.Hour, 1); return err },
		func() error { _, err := table.Agenda("\x00").Due(t.Context(), time.Now(), time.Hour, 1); return err },
		func() error { return table.Agenda("").Postpone(t.Context(), "", "1", time.Now()) },
	} {
		require.ErrorIs(t, bad(), selfservice.ErrConfig)
	}
	table.Scheduled = false
	_, err = table.Agenda("").Due(t.Context(), time.Now(), time.Hour, 1)
	require.ErrorIs(t, err, selfservice.ErrConfig)
}

// leaseAhead sets a lease as a process would whose clock is years ahead.
func (c check) leaseAhead(t *testing.T) {
	table := c.createScheduled(t)
	must.Save(t, table.Store("client"), "x", "")
	_, err := table.DB.ExecContext(t.Context(), fmt.Sprintf("UPDATE %s SET due = %d", table.Name, -time.Now().AddDate(10, 0, 0).UnixMilli()))
	require.NoError(t, err)
	names, err := table.Agenda("").Due(t.Context(), time.Now(), time.Hour, 10)
	require.NoError(t, err)
	assert.Equal(t, []string{"client"}, names)
}

// before returns the statement that made a table before there was an Agenda.
func before(d sqlstore.Dialect, table string) string {
	return map[sqlstore.Dialect]string{
		sqlstore.PostgreSQL: "CREATE TABLE IF NOT EXISTS " + table + ` (name text COLLATE "C" PRIMARY KEY, version bigint NOT NULL, state bytea NOT NULL)`,
		sqlstore.SQLite:     "CREATE TABLE IF NOT EXISTS " + table + ` (name text NOT NULL PRIMARY KEY, version integer NOT NULL, state blob NOT NULL)`,
		sqlstore.MySQL:      "CREATE TABLE IF NOT EXISTS " + table + ` (name varbinary(255) NOT NULL PRIMARY KEY, version bigint NOT NULL, state longblob NOT NULL) ENGINE = InnoDB`,
	}[d]
}

// migrates changes a table while a program uses it that does not know of the
// change.
func (c check) migrates(t *testing.T) {
	old := c.table(t, "nokkel_"+strings.ToLower(rand.Text()))
	c.drop(t, old)
	_, err := old.DB.ExecContext(t.Context(), before(c.dialect, old.Name))
	require.NoError(t, err)
	require.NoError(t, old.Create(t.Context()))
	version := must.Save(t, old.Store("client"), "one", "")

	scheduled := old
	scheduled.Scheduled = true
	for range 2 {
		require.NoError(t, scheduled.Create(t.Context()))
		require.NoError(t, old.Create(t.Context()))
	}
	blob, same := must.Load(t, scheduled.Store("client"))
	assert.Equal(t, "one", blob)
	assert.Equal(t, version, same)
	version = must.Save(t, old.Store("client"), "two", version)
	must.Save(t, old.Store("another"), "one", "")
	agenda := scheduled.Agenda("")
	names, err := agenda.Due(t.Context(), time.Now(), time.Hour, 10)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"another", "client"}, names, "due until postponed")
	require.NoError(t, agenda.Postpone(t.Context(), "client", version, time.Now().Add(time.Hour)))
	must.Save(t, scheduled.Store("client"), "three", version)
	names, err = agenda.Due(t.Context(), time.Now(), time.Hour, 10)
	require.NoError(t, err)
	assert.Equal(t, []string{"client"}, names)
}

func (c check) migratesAtOnce(t *testing.T) {
	table := c.create(t)
	table.Scheduled = true
	var all sync.WaitGroup
	for range 6 {
		own := c.table(t, table.Name)
		own.Scheduled = true
		all.Go(func() { assert.NoError(t, own.Create(t.Context())) })
	}
	all.Wait()
	names, err := table.Agenda("").Due(t.Context(), time.Now(), time.Hour, 1)
	require.NoError(t, err)
	assert.Empty(t, names)
}

// migratesBeside migrates while a backup reads the table.
func (c check) migratesBeside(t *testing.T) {
	table := c.create(t)
	store := table.Store("client")
	must.Save(t, store, "old", "")
	backup, err := table.DB.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer backup.Rollback()
	var n int
	require.NoError(t, backup.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table.Name).Scan(&n))
	created := make(chan error)
	go func() {
		created <- c.scheduled(table).Create(t.Context())
	}()
	for start := time.Now(); time.Since(start) < 3*time.Second; { // while the migration is tried
		time.Sleep(50 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, version, err := store.Load(ctx)
		require.NoError(t, err)
		_, err = store.Save(ctx, []byte("new"), version)
		require.NoError(t, err)
		cancel()
	}
	require.NoError(t, backup.Commit())
	require.NoError(t, <-created)
	names, err := c.scheduled(table).Agenda("").Due(t.Context(), time.Now(), time.Hour, 10)
	require.NoError(t, err)
	assert.Equal(t, []string{"client"}, names)
}

func (c check) scheduled(table sqlstore.Table) sqlstore.Table {
	table.Scheduled = true
	return table
}
