package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// conn is a database or a transaction in it.
type conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// transaction runs f in a transaction of its own, at a level at which writers of
// other rows do not disturb it, whatever the session's level is. It also commits
// where autocommit is off. A driver whose connection is lost in it does not try
// again by itself, and so cannot take the first try for another writer.
func (t Table) transaction(ctx context.Context, f func(conn) error) (err error) {
	defer func() {
		// Of a context that ended, database/sql may say that it has rolled back, and
		// a driver that the connection is bad.
		if end := ctx.Err(); err != nil && end != nil && !errors.Is(err, end) {
			err = fmt.Errorf("%w: %w", end, err)
		}
	}()
	level := sql.LevelDefault // SQLite has one
	switch t.Dialect {
	case PostgreSQL:
		level = sql.LevelReadCommitted
	case MySQL: // a lower one needs another format of the binary log
		level = sql.LevelRepeatableRead
	}
	tx, err := t.DB.BeginTx(ctx, &sql.TxOptions{Isolation: level})
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err = f(tx); err == nil {
		err = tx.Commit()
	}
	return err
}

// exec runs a statement and returns how many rows it changed. SQLite rolls a
// statement of its own back if it cannot commit; a transaction would stay open.
func (t Table) exec(ctx context.Context, statement string, args ...any) (changed int64, err error) {
	run := func(c conn) error {
		result, err := c.ExecContext(ctx, t.sql(statement), t.args(args)...)
		if err == nil {
			changed, err = result.RowsAffected()
		}
		return err
	}
	if t.Dialect == SQLite {
		err = run(t.DB)
	} else {
		err = t.transaction(ctx, run)
	}
	return changed, err
}

// query calls row for each row. In MySQL it would read what is not committed if
// the session's level said so, and leave a transaction open without autocommit.
func (t Table) query(ctx context.Context, statement string, row func(*sql.Rows) error, args ...any) error {
	if t.Dialect != MySQL {
		return t.rows(ctx, t.DB, statement, row, args)
	}
	return t.transaction(ctx, func(c conn) error { return t.rows(ctx, c, statement, row, args) })
}

func (t Table) rows(ctx context.Context, c conn, statement string, row func(*sql.Rows) error, args []any) error {
	rows, err := c.QueryContext(ctx, t.sql(statement), t.args(args)...)
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
