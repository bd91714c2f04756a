package sqlstore

import (
	"fmt"

	"github.com/nokkel/nokkel/internal/sqlname"
	"github.com/nokkel/nokkel/selfservice"
)

// Dialect is the SQL that a database speaks.
type Dialect int

const (
	PostgreSQL Dialect = iota + 1 // 9.5 or newer
	SQLite                        // 3.24 or newer
	MySQL                         // MySQL 5.7 or newer, MariaDB 10.2 or newer, with InnoDB
)

// create and insert are the statements that differ: make the table unless
// there is one, and insert a row (name, version, state) unless the name is
// there. In all statements {table} stands for the name; ? stands for a number,
// {text} for a name and {blob} for a blob. Names compare and sort by their bytes.
func (d Dialect) create(scheduled bool) string {
	const create = "CREATE TABLE IF NOT EXISTS {table} "
	due := ""
	if scheduled {
		due = ", due bigint NOT NULL DEFAULT 0, UNIQUE (due, name)"
	}
	switch d {
	case PostgreSQL:
		return create + `(name text COLLATE "C" PRIMARY KEY, version bigint NOT NULL, state bytea NOT NULL` + due + `)`
	case SQLite:
		return create + `(name text NOT NULL PRIMARY KEY, version integer NOT NULL, state blob NOT NULL` + due + `)`
	default:
		// A varbinary does not take "a" and "a " for the same.
		return create + `(name varbinary(255) NOT NULL PRIMARY KEY, version bigint NOT NULL, state longblob NOT NULL` + due + `) ENGINE = InnoDB`
	}
}

// schedule is what a table gets that was made without Scheduled.
func (d Dialect) schedule() []string {
	if d == SQLite {
		return []string{"ALTER TABLE {table} ADD COLUMN due bigint NOT NULL DEFAULT 0", "CREATE UNIQUE INDEX {index} ON {base} (due, name)"}
	}
	return []string{"ALTER TABLE {table} ADD COLUMN due bigint NOT NULL DEFAULT 0, ADD UNIQUE (due, name)"}
}

// patience makes a migration give up soon while somebody reads the table: all
// other processes wait behind it. The second statement ends that.
func (d Dialect) patience() (before, after string) {
	switch d {
	case PostgreSQL:
		return "SET LOCAL lock_timeout = '1s'", ""
	case MySQL:
		return "SET @nokkel_wait = @@SESSION.lock_wait_timeout, SESSION lock_wait_timeout = 1", "SET SESSION lock_wait_timeout = @nokkel_wait"
	}
	return "", ""
}

func (d Dialect) insert() string {
	const insert = "INTO {table} (name, version, state) VALUES ({text}, ?, {blob})"
	if d == MySQL {
		// IGNORE would also cut values that do not fit; these always fit.
		return "INSERT IGNORE " + insert
	}
	// Without a target, as two first saves may also meet in the index of due.
	return "INSERT " + insert + " ON CONFLICT DO NOTHING"
}

// check refuses a table whose name is not safe to put into a statement.
func (t Table) check() error {
	if t.DB == nil || t.Dialect < PostgreSQL || t.Dialect > MySQL {
		return fmt.Errorf("%w: sqlstore: Table needs a DB and a Dialect", selfservice.ErrConfig)
	}
	if t.Name == "" {
		return nil
	}
	if !sqlname.Valid(t.Name) {
		return fmt.Errorf("%w: sqlstore: %q is not a table name of 1 to 63 lower-case letters, digits and _", selfservice.ErrConfig, t.Name)
	}
	return nil
}
