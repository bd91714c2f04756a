// Package sqlreplay is a replay cache in a table of a PostgreSQL database, for
// resource servers of many processes and machines:
//
//	table := &sqlreplay.Table{DB: db}
//	if err := table.Create(ctx); err != nil {
//		return err
//	}
//	verifier := &dpop.Verifier{Replay: table, Nonces: &dpop.Nonces{Secrets: secrets}}
//
// Processes that share the table share the secrets of their nonces as well, or
// each refuses the nonces of the others: dpop.Verifier.Validate asks for them.
//
// It works on database/sql and imports no driver; the server is PostgreSQL 9.5
// or newer. A proof that is accepted costs one statement in a transaction of
// its own, on the primary. A standby that takes over may lack the last proofs,
// which can be used again while they are fresh, unless the primary waits for it:
// that takes synchronous_standby_names, which is empty by default, and
// synchronous_commit at its default.
//
// Only the database's clock counts, so the clocks of the machines may differ. It
// may step back by less than ten minutes, as when a standby with another clock
// takes over: proofs are deleted that long after their end, along the way. The
// table holds those of some twelve minutes, at 200 to 300 bytes each.
package sqlreplay

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/internal/sqlname"
)

// Table is a table of spent proofs. Its fields must not change after the first
// use; its methods may be called concurrently by any number of goroutines,
// processes and machines. How many proofs it holds in all is up to the
// database: a full disk is an error, and no proof is accepted.
type Table struct {
	DB     *sql.DB
	Name   string // lower-case letters, digits and _, with "schema." before it if wanted; empty: nokkel_replay
	MaxKey int    // proofs at a time by one key; zero: 10,000, some 125 a second. Calls at once may exceed it by their number

	inserted atomic.Uint64
}

const (
	defaultMaxKey = 10_000

	// One of so many calls deletes twice as many proofs that are over, so what
	// a call costs does not depend on how many there are.
	deleteEvery = 64
	deleteBatch = 2 * deleteEvery

	// What is deleted could be used again if the clock stepped back.
	keep = 10 * time.Minute
)

// now is the database's clock in milliseconds, which goes on in a transaction.
const now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

// Create creates the table and its indexes unless they exist; several processes
// may call it at the same time. Where the program may not create tables,
// somebody else runs [Table.Schema] first; Create then only checks that the
// table is there. The program needs to select, insert and delete.
func (t *Table) Create(ctx context.Context) error {
	schema, err := t.Schema()
	if err != nil {
		return err
	}
	// PostgreSQL fails one of two that create at once, and fails without the
	// right to create even if there is nothing to do: what counts is the table.
	for _, statement := range schema {
		_, createErr := t.DB.ExecContext(ctx, statement)
		err = errors.Join(err, createErr)
	}
	if _, tableErr := t.DB.ExecContext(ctx, t.sql("SELECT id, owner, until FROM {table} WHERE 1 = 0")); tableErr != nil {
		return errors.Join(err, tableErr)
	}
	return nil
}

// Schema returns the statements that create the table, or the error of
// [Table.Validate].
func (t *Table) Schema() ([]string, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	name := cmp.Or(t.Name, "nokkel_replay")
	index := short(name[strings.LastIndexByte(name, '.')+1:]) // it is in the table's schema
	return []string{
		t.sql("CREATE TABLE IF NOT EXISTS {table} (id bytea PRIMARY KEY, owner bytea NOT NULL, until bigint NOT NULL)"),
		t.sql("CREATE INDEX IF NOT EXISTS " + index + "_owner ON {table} (owner, until)"),
		t.sql("CREATE INDEX IF NOT EXISTS " + index + "_until ON {table} (until)"),
	}, nil
}

// short leaves room for an ending: PostgreSQL cuts names at 63 bytes. What is cut
// off goes into a hash, for two tables may begin alike.
func short(name string) string {
	if len(name) <= 57 {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:48] + "_" + hex.EncodeToString(sum[:4])
}

// Validate returns a *[dpop.Error] with dpop.ErrConfig for an incomplete Table, or
// one with an invalid Name. It does not ask the database.
func (t *Table) Validate() error {
	switch {
	case t == nil || t.DB == nil || t.MaxKey < 0:
		return &dpop.Error{Rule: dpop.ErrConfig, Detail: "a sqlreplay.Table needs a DB, and MaxKey is not negative"}
	case t.Name != "" && !sqlname.Valid(t.Name):
		return &dpop.Error{Rule: dpop.ErrConfig, Detail: "the Name of a sqlreplay.Table has lower-case letters, digits and _, 1 to 63 of them"}
	}
	return nil
}

// Shared reports true: see [dpop.Replay].
func (t *Table) Shared() bool { return true }

// sql puts the table's name, the clock and the bound into a statement.
func (t *Table) sql(statement string) string {
	return strings.NewReplacer("{table}", cmp.Or(t.Name, "nokkel_replay"), "{now}", now,
		"{most}", strconv.Itoa(cmp.Or(t.MaxKey, defaultMaxKey))).Replace(statement)
}

// serializationFailure is how PostgreSQL says at the higher isolation levels
// that another one has inserted the row meanwhile.
const serializationFailure = "40001"

// Insert implements [dpop.Replay]. Errors other than those of package dpop are
// the driver's.
func (t *Table) Insert(ctx context.Context, e dpop.Entry) error {
	if err := t.Validate(); err != nil {
		return err
	}
	until := e.Until.UnixMilli()
	if e.Until.Nanosecond()%1_000_000 > 0 {
		until++
	}
	// The values have casts, for PostgreSQL quotes one that does not fit.
	result, err := t.DB.ExecContext(ctx, t.sql(`INSERT INTO {table} (id, owner, until)
		SELECT $1::bytea, $2::bytea, $3::bigint WHERE {now} < $3::bigint AND {most} >
			(SELECT count(*) FROM (SELECT 1 FROM {table} WHERE owner = $2::bytea AND until > {now} LIMIT {most}) AS live)
		ON CONFLICT (id) DO NOTHING`), e.ID[:], e.Owner[:], until)
	var pg interface{ SQLState() string }
	if errors.As(err, &pg) && pg.SQLState() == serializationFailure {
		return t.why(ctx, e, until)
	}
	if err != nil {
		return err
	}
	inserted, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if inserted == 0 {
		return t.why(ctx, e, until)
	}
	if t.inserted.Add(1)%deleteEvery == 0 {
		t.delete(ctx)
	}
	return nil
}

// why says which condition an entry has failed. Nothing is let in here.
func (t *Table) why(ctx context.Context, e dpop.Entry, until int64) error {
	var late, there bool
	err := t.DB.QueryRowContext(ctx, t.sql("SELECT {now} >= $1::bigint, EXISTS (SELECT 1 FROM {table} WHERE id = $2::bytea)"), until, e.ID[:]).Scan(&late, &there)
	switch {
	case err != nil:
		return err
	case late:
		return dpop.ErrProofTime
	case there:
		return dpop.ErrReplayed
	}
	return dpop.ErrReplayKeyFull
}

// delete removes some of what has been over for a while. Rows that another
// process is about to delete are left to it. When it fails the entry at hand is
// spent all the same, and the next one tries again.
func (t *Table) delete(ctx context.Context) {
	t.DB.ExecContext(ctx, t.sql("DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE until <= {now} - $1::bigint ORDER BY until LIMIT "+
		strconv.Itoa(deleteBatch)+" FOR UPDATE SKIP LOCKED)"), keep.Milliseconds())
}
