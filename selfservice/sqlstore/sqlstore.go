// Package sqlstore keeps the state of any number of rotators in one table of
// an SQL database, so that many processes on many machines share the work:
//
//	table := sqlstore.Table{DB: db, Dialect: sqlstore.PostgreSQL}
//	if err := table.Create(ctx); err != nil {
//		return err
//	}
//	rotator := &selfservice.Rotator{Provider: client, Store: table.Store("my-client")}
//
// Where there are many of them, a Table that is Scheduled also tells a
// selfservice.Fleet which are due, so that it need not read them all:
//
//	fleet := &selfservice.Fleet{Agenda: table.Agenda(""), Rotator: func(name string) *selfservice.Rotator {
//		return &selfservice.Rotator{Provider: clients.For(name), Store: table.Store(name)}
//	}}
//
// It works on database/sql and imports no driver. Every Save is one statement in
// a transaction of its own, and nothing is retried; isolation level, autocommit
// and character sets of the session do not matter.
//
// A Save is as durable as a commit of the database. That survives a failure of
// the power with the defaults of PostgreSQL and MySQL. MariaDB with a binary log
// also needs sync_binlog=1. SQLite needs synchronous=EXTRA, or in WAL mode FULL,
// said in the DSN; a busy_timeout when several connections write; and no shared
// cache. While its file is replaced by a backup no process may have it open.
//
// The DB is the primary: what a read replica loads may be out of date, and so may
// what another node of a Galera cluster does unless wsrep_sync_wait is 7. Nothing
// depends on the state of a session, so a transaction pooler (PgBouncer) may be
// in between; pgx then needs default_query_exec_mode=exec, as it prepares
// statements by itself.
//
// The blobs hold private keys in clear unless the store is wrapped in
// selfservice.Seal.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nokkel/nokkel/selfservice"
)

// Table is a table of named blobs. Its fields must not change after the first
// use; its methods may be called concurrently by any number of goroutines,
// processes and machines.
type Table struct {
	DB      *sql.DB
	Dialect Dialect
	Name    string // lower-case letters, digits and _, with "schema." before it if wanted; empty: nokkel_state

	// Scheduled is set where the table also says when each state is due, for
	// [Table.Agenda]: it has one more column and an index. All programs that save
	// to the table must then set it; what another one saves is visited up to a
	// day late.
	Scheduled bool
}

// Create creates the table unless it exists; several processes may call it at
// the same time. If Scheduled is set, it adds what an older table lacks, and fails
// if others read that table for more than some 10 s; programs that do not set
// Scheduled can still use the table. Where the program
// may not create tables, somebody else runs [Table.Schema] or [Table.Migration]
// first; Create then only checks that the table is there.
func (t Table) Create(ctx context.Context) error {
	schema, err := t.Schema()
	if err != nil {
		return err
	}
	if err := t.checkEncoding(ctx); err != nil {
		return err
	}
	_, createErr := t.exec(ctx, schema)
	// PostgreSQL fails one of two that create at once, and fails without the
	// right to create even if there is nothing to do: what counts is the table.
	if err := t.probe(ctx, "name, version, state"); err != nil {
		return failed("creating the table", errors.Join(createErr, err))
	}
	for try := 1; t.Scheduled && t.probe(ctx, "due") != nil; try++ {
		err := t.migrate(ctx)
		if err != nil && try == migrations { // before that, another process may have been at it
			return failed("adding to the table", err)
		}
		if err != nil {
			pause(ctx)
		}
	}
	return nil
}

// migrations is how often a migration is tried while others use the table.
const migrations = 10

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(100*time.Millisecond + rand.N(200*time.Millisecond)):
	}
}

// checkEncoding refuses a SQLite database in which names do not sort by their
// bytes in UTF-8.
func (t Table) checkEncoding(ctx context.Context) error {
	if t.Dialect != SQLite {
		return nil
	}
	var encoding string
	err := t.query(ctx, "PRAGMA encoding", func(rows *sql.Rows) error { return rows.Scan(&encoding) })
	if err != nil {
		return failed("creating the table", err)
	}
	if encoding != "UTF-8" {
		return fmt.Errorf("%w: sqlstore: the database's encoding is not UTF-8", selfservice.ErrConfig)
	}
	return nil
}

// probe fails if the table lacks a column.
func (t Table) probe(ctx context.Context, columns string) error {
	return t.query(ctx, "SELECT "+columns+" FROM {table} WHERE 1 = 0", func(*sql.Rows) error { return nil })
}

func (t Table) migrate(ctx context.Context) error {
	return t.transaction(ctx, func(c conn) error {
		before, after := t.Dialect.patience()
		if after != "" {
			defer c.ExecContext(ctx, after)
		}
		for _, statement := range append([]string{before}, t.Dialect.schedule()...) {
			if statement == "" {
				continue
			}
			if _, err := c.ExecContext(ctx, t.sql(statement)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Schema returns the statement that creates the table. An incomplete Table, or
// one with an invalid Name, is selfservice.ErrConfig.
func (t Table) Schema() (string, error) {
	if err := t.check(); err != nil {
		return "", err
	}
	return t.sql(t.Dialect.create(t.Scheduled)), nil
}

// Migration returns the statements that turn an existing table into a Scheduled
// one, to be run in one transaction.
func (t Table) Migration() ([]string, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	var statements []string
	for _, s := range t.Dialect.schedule() {
		statements = append(statements, t.sql(s))
	}
	return statements, nil
}

// Names returns the names that start with prefix and hold something, in the
// order of their bytes. It reads the names only.
func (t Table) Names(ctx context.Context, prefix string) ([]string, error) {
	if err := errors.Join(t.check(), checkText(prefix)); err != nil {
		return nil, err
	}
	condition, args := starting(prefix)
	var names []string
	err := t.query(ctx, "SELECT name FROM {table} WHERE "+condition+" ORDER BY name", func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	}, args...)
	if err != nil {
		return nil, failed("listing names", err)
	}
	return names, nil
}

// Store returns the store of one rotator, a row of the table. Name is 1 to 255
// bytes of UTF-8 without NUL; with any other name, or an incomplete Table,
// every call of the store fails with selfservice.ErrConfig.
func (t Table) Store(name string) selfservice.Store { return row{t, name} }

type row struct {
	table Table
	name  string
}

// Load implements [selfservice.Store].
func (r row) Load(ctx context.Context) ([]byte, string, error) {
	if err := r.check(); err != nil {
		return nil, "", err
	}
	var version int64
	var blob []byte
	found := false
	err := r.table.query(ctx, "SELECT version, state FROM {table} WHERE name = {text}", func(rows *sql.Rows) error {
		found = true
		return rows.Scan(&version, &blob)
	}, r.name)
	if err != nil {
		return nil, "", failed("loading", err)
	}
	if !found {
		return nil, "", nil
	}
	return blob, strconv.FormatInt(version, 10), nil
}

const maxStep = 1 << 32 // enough for a save every second of 60 years

// Save implements [selfservice.Store].
func (r row) Save(ctx context.Context, blob []byte, version string) (string, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	if blob == nil {
		blob = []byte{} // not NULL
	}
	if version == "" {
		// A row that is deleted by hand and made again must not repeat a
		// version, so versions start anywhere in half of their range.
		first := rand.Int64N(math.MaxInt64 / 2)
		return r.save(ctx, first, r.table.Dialect.insert(), r.name, first, blob)
	}
	old, err := strconv.ParseInt(version, 10, 64)
	if err != nil || strconv.FormatInt(old, 10) != version || old > math.MaxInt64-maxStep {
		return "", selfservice.ErrConflict // no version of ours
	}
	// After a backup, or a standby that lacks the last commits, has taken over,
	// counting by one would come to versions that have been there already.
	next := old + 1 + rand.Int64N(maxStep)
	due := ""
	if r.table.Scheduled {
		due = ", due = CASE WHEN due < 0 THEN due ELSE 0 END" // at once, unless it is taken
	}
	return r.save(ctx, next, "UPDATE {table} SET version = ?, state = {blob}"+due+" WHERE name = {text} AND version = ?", next, blob, r.name, old)
}

// save runs a statement that changes the row to the version next, or no row.
func (r row) save(ctx context.Context, next int64, statement string, args ...any) (string, error) {
	changed, err := r.table.exec(ctx, statement, args...)
	if err != nil {
		return "", failed("saving", err)
	}
	if changed == 0 {
		return "", selfservice.ErrConflict
	}
	return strconv.FormatInt(next, 10), nil
}

func (r row) check() error {
	if r.name == "" || len(r.name) > 255 {
		return fmt.Errorf("%w: sqlstore: a name of %d bytes, not 1 to 255", selfservice.ErrConfig, len(r.name))
	}
	return errors.Join(r.table.check(), checkText(r.name))
}

// checkText refuses names that not every database can keep.
func checkText(name string) error {
	if !utf8.ValidString(name) || strings.ContainsAny(name, "\x00\U0010FFFF") {
		return fmt.Errorf("%w: sqlstore: a name is UTF-8 without NUL and U+10FFFF", selfservice.ErrConfig)
	}
	return nil
}

// failed says during what err came about.
func failed(during string, err error) error {
	return &failure{"sqlstore: " + during + ": " + err.Error(), func() error { return err }}
}

// failure keeps the driver's error in a func, where nobody looks into it by
// reflection: pgx's holds the whole configuration, password included.
type failure struct {
	text  string
	cause func() error
}

func (f *failure) Error() string { return f.text }

func (f *failure) Unwrap() error { return f.cause() }
