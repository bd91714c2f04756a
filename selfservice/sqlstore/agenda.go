package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/nokkel/nokkel/selfservice"
)

// Agenda returns the Agenda of the names that start with prefix: it tells a
// selfservice.Fleet which of them are due. The table must be Scheduled. Any
// number of processes may ask it concurrently; in PostgreSQL they pass over
// what others are about to take (SKIP LOCKED), and elsewhere choose among what
// is due at random.
//
// Names with another prefix that are due are skipped one by one, in the index.
// To keep them few, give each prefix in the table a Fleet, or each Fleet a
// table of its own.
func (t Table) Agenda(prefix string) selfservice.Agenda { return agenda{t, prefix} }

// agenda keeps when a state is due in the column due, in milliseconds since
// 1970: zero after it was saved, when it is due at once; below zero, minus the
// end of the lease of whoever has taken it. So what is due at n is from -n to n.
type agenda struct {
	table  Table
	prefix string
}

// ahead is how far a time may lie ahead. One that is further came from a wrong
// clock.
const ahead = 25 * time.Hour

// Due implements [selfservice.Agenda].
func (a agenda) Due(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]string, error) {
	if err := errors.Join(a.check(), checkText(a.prefix)); err != nil {
		return nil, err
	}
	if limit < 1 || lease <= 0 || lease > ahead-time.Hour {
		return nil, fmt.Errorf("%w: sqlstore: a limit of %d names, or a lease of %v", selfservice.ErrConfig, limit, lease)
	}
	n, clock := now.UnixMilli(), time.Now()
	far := max(n, clock.UnixMilli()) + ahead.Milliseconds()
	taken := -clock.Add(lease).UnixMilli()
	const most = 1 << 62
	var names []string
	for _, span := range [][2]int64{{-n, n}, {far, most}, {-most, -far}} {
		more, err := a.take(ctx, span, taken, limit-len(names))
		if err != nil {
			return nil, failed("taking what is due", err)
		}
		if names = append(names, more...); len(names) == limit {
			break
		}
	}
	return names, nil
}

// take takes up to limit of those in span.
func (a agenda) take(ctx context.Context, span [2]int64, taken int64, limit int) (names []string, err error) {
	if a.table.Dialect != PostgreSQL {
		return a.pick(ctx, span, taken, limit)
	}
	const statement = "WITH found AS (SELECT name FROM {table}" + within + " FOR UPDATE SKIP LOCKED) " +
		"UPDATE {table} AS t SET due = ? FROM found WHERE t.name = found.name RETURNING t.name"
	for range 10 { // at the higher isolation levels two that ask at once may disturb each other
		names = nil
		err = a.query(ctx, statement, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			names = append(names, name)
			return err
		}, append(a.params(span, limit), taken)...)
		if !raced(err) {
			break
		}
	}
	return names, err
}

// within is the end of a statement that reads those in a span.
const within = " WHERE due BETWEEN ? AND ? AND name >= ? AND name < ? ORDER BY due, name LIMIT ?"

func (a agenda) params(span [2]int64, limit int) []any {
	return []any{span[0], span[1], a.prefix, a.prefix + string(utf8.MaxRune), limit}
}

// pick is take for databases that cannot do it in one statement: it reads some,
// and takes them one by one unless another was faster.
func (a agenda) pick(ctx context.Context, span [2]int64, taken int64, limit int) (names []string, err error) {
	type candidate struct {
		name string
		due  int64
	}
	for len(names) == 0 {
		var all []candidate
		err := a.query(ctx, "SELECT name, due FROM {table}"+within, func(rows *sql.Rows) error {
			var c candidate
			err := rows.Scan(&c.name, &c.due)
			all = append(all, c)
			return err
		}, a.params(span, 4*limit)...)
		if err != nil || len(all) == 0 {
			return nil, err
		}
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, c := range all {
			if len(names) == limit {
				break
			}
			result, err := a.table.DB.ExecContext(ctx, a.table.sql("UPDATE {table} SET due = ? WHERE name = ? AND due = ?"), taken, c.name, c.due)
			if err != nil {
				return nil, err
			}
			if changed, err := result.RowsAffected(); err != nil {
				return nil, err
			} else if changed == 1 {
				names = append(names, c.name)
			}
		}
	}
	return names, nil
}

func (a agenda) query(ctx context.Context, statement string, row func(*sql.Rows) error, args ...any) error {
	rows, err := a.table.DB.QueryContext(ctx, a.table.sql(statement), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Postpone implements [selfservice.Agenda].
func (a agenda) Postpone(ctx context.Context, name, version string, until time.Time) error {
	if err := errors.Join(a.check(), row{a.table, name}.check()); err != nil {
		return err
	}
	current, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return nil // no version of ours
	}
	_, err = a.table.DB.ExecContext(ctx, a.table.sql("UPDATE {table} SET due = ? WHERE name = ? AND version = ?"), max(until.UnixMilli(), 1), name, current)
	if err != nil && !raced(err) { // by a save, after which it is due
		return failed("postponing", err)
	}
	return nil
}

func (a agenda) check() error {
	if !a.table.Scheduled {
		return fmt.Errorf("%w: sqlstore: an Agenda of a Table that is not Scheduled", selfservice.ErrConfig)
	}
	return a.table.check()
}
