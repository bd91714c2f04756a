package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

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
	condition, args := a.within(span, limit)
	err = a.table.transaction(ctx, func(c conn) error {
		return a.table.rows(ctx, c, "WITH found AS (SELECT name FROM {table}"+condition+" FOR UPDATE SKIP LOCKED) "+
			"UPDATE {table} AS t SET due = ? FROM found WHERE t.name = found.name RETURNING t.name", func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			names = append(names, name)
			return err
		}, append(args, taken))
	})
	return names, err
}

// within returns the end of a statement that reads those in a span, and its
// parameters.
func (a agenda) within(span [2]int64, limit int) (condition string, args []any) {
	name, prefix := starting(a.prefix)
	args = append([]any{span[0], span[1]}, prefix...)
	return " WHERE due BETWEEN ? AND ? AND " + name + " ORDER BY due, name LIMIT ?", append(args, limit)
}

// pick is take for databases that cannot do it in one statement: it reads some,
// and takes them one by one unless another was faster.
func (a agenda) pick(ctx context.Context, span [2]int64, taken int64, limit int) (names []string, err error) {
	type candidate struct {
		name string
		due  int64
	}
	condition, args := a.within(span, 4*limit)
	for len(names) == 0 {
		var all []candidate
		err := a.table.query(ctx, "SELECT name, due FROM {table}"+condition, func(rows *sql.Rows) error {
			var c candidate
			err := rows.Scan(&c.name, &c.due)
			all = append(all, c)
			return err
		}, args...)
		if err != nil || len(all) == 0 {
			return nil, err
		}
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, c := range all {
			if len(names) == limit {
				break
			}
			changed, err := a.table.exec(ctx, "UPDATE {table} SET due = ? WHERE name = {text} AND due = ?", taken, c.name, c.due)
			if err != nil {
				return nil, err
			}
			if changed == 1 {
				names = append(names, c.name)
			}
		}
	}
	return names, nil
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
	_, err = a.table.exec(ctx, "UPDATE {table} SET due = ? WHERE name = {text} AND version = ?", max(until.UnixMilli(), 1), name, current)
	if err != nil {
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
