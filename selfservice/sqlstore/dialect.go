package sqlstore

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

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
// there. In all statements {table} stands for the name, ? for a parameter and
// {blob} for the parameter that is the blob. Names compare and sort by their bytes.
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

func (d Dialect) insert() string {
	const insert = "INTO {table} (name, version, state) VALUES (?, ?, {blob})"
	if d == MySQL {
		// IGNORE would also cut values that do not fit; these always fit.
		return "INSERT IGNORE " + insert
	}
	return "INSERT " + insert + " ON CONFLICT (name) DO NOTHING"
}

// sql puts the table's name and the dialect's parameters into a statement.
func (t Table) sql(statement string) string {
	name := cmp.Or(t.Name, "nokkel_state")
	base := name[strings.IndexByte(name, '.')+1:]
	statement = strings.NewReplacer("{table}", name, "{base}", base, "{index}", name+"_due").Replace(statement)
	if t.Dialect != PostgreSQL {
		return strings.ReplaceAll(statement, "{blob}", "?")
	}
	// In a table that Create did not make the column may have another type.
	// Without the cast PostgreSQL says so by quoting the value.
	statement = strings.ReplaceAll(statement, "{blob}", "?::bytea")
	parts := strings.Split(statement, "?")
	for i := range len(parts) - 1 {
		parts[i] += "$" + strconv.Itoa(i+1)
	}
	return strings.Join(parts, "")
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
