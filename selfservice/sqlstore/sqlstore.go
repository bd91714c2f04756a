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
// It works on database/sql and imports no driver. Every Load and Save is one
// statement in a transaction of its own, and nothing is retried. A Save is as
// durable as a commit of the database: leave synchronous_commit (PostgreSQL),
// synchronous (SQLite) and innodb_flush_log_at_trx_commit (MySQL) at their
// defaults. SQLite needs a busy_timeout in its DSN when several connections
// write.
//
// The DB is the primary: what a read replica loads may be out of date. Nothing
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
// the same time. If Scheduled is set, it adds what an older table lacks;
// programs that do not set Scheduled can still use the table. Where the program
// may not create tables, somebody else runs [Table.Schema] or [Table.Migration]
// first; Create then only checks that the table is there.
func (t Table) Create(ctx context.Context) error {
	schema, err := t.Schema()
	if err != nil {
		return err
	}
	_, createErr := t.DB.ExecContext(ctx, schema)
	// PostgreSQL fails one of two that create at once, and fails without the
	// right to create even if there is nothing to do: what counts is the table.
	if err := t.probe(ctx, "name, version, state"); err != nil {
		return failed("creating the table", errors.Join(createErr, err))
	}
	for try := 0; t.Scheduled && t.probe(ctx, "due") != nil; try++ {
		err := t.migrate(ctx)
		if err != nil && try == 3 { // before that, another process may have been at it
			return failed("adding to the table", err)
		}
	}
	return nil
}

// probe fails if the table lacks a column.
func (t Table) probe(ctx context.Context, columns string) error {
	_, err := t.DB.ExecContext(ctx, t.sql("SELECT "+columns+" FROM {table} WHERE 1 = 0"))
	return err
}

func (t Table) migrate(ctx context.Context) error {
	tx, err := t.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, statement := range t.Dialect.schedule() {
		if _, err := tx.ExecContext(ctx, t.sql(statement)); err != nil {
			return err
		}
	}
	return tx.Commit()
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
	// UTF-8 sorts like its runes, and no name holds the highest one.
	rows, err := t.DB.QueryContext(ctx, t.sql("SELECT name FROM {table} WHERE name >= ? AND name < ? ORDER BY name"), prefix, prefix+string(utf8.MaxRune))
	if err != nil {
		return nil, failed("listing names", err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, failed("listing names", err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
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
	err := r.table.DB.QueryRowContext(ctx, r.table.sql("SELECT version, state FROM {table} WHERE name = ?"), r.name).Scan(&version, &blob)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", failed("loading", err)
	}
	return blob, strconv.FormatInt(version, 10), nil
}

// raced reports whether PostgreSQL says, as it does at the higher isolation
// levels, that another one has changed the row meanwhile.
func raced(err error) bool {
	var pg interface{ SQLState() string }
	return errors.As(err, &pg) && pg.SQLState() == "40001" // serialization_failure
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
		return r.exec(ctx, first, r.table.Dialect.insert(), r.name, first, blob)
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
	return r.exec(ctx, next, "UPDATE {table} SET version = ?, state = {blob}"+due+" WHERE name = ? AND version = ?", next, blob, r.name, old)
}

// exec runs a statement that changes the row to the version next, or no row.
func (r row) exec(ctx context.Context, next int64, statement string, args ...any) (string, error) {
	result, err := r.table.DB.ExecContext(ctx, r.table.sql(statement), args...)
	if raced(err) {
		return "", selfservice.ErrConflict
	}
	if err != nil {
		return "", failed("saving", err)
	}
	changed, err := result.RowsAffected()
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
