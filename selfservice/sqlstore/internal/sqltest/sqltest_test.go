package sqltest

import (
	"path/filepath"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	"github.com/nokkel/nokkel/selfservice/sqlstore"
	"github.com/nokkel/nokkel/selfservice/sqlstore/internal/sqlcheck"
	_ "modernc.org/sqlite"
)

func TestSQLite(t *testing.T) {
	for _, journal := range []string{"delete", "wal"} {
		t.Run(journal, func(t *testing.T) {
			file := filepath.ToSlash(filepath.Join(t.TempDir(), "state.db"))
			sqlcheck.Run(t, sqlstore.SQLite, "sqlite", "file:"+file+"?_pragma=busy_timeout(20000)&_pragma=journal_mode("+journal+")")
		})
	}
}

func TestMySQL(t *testing.T) {
	dsn := sqlcheck.Env(t, "NOKKEL_MYSQL", ".ci/mariadb")
	sqlcheck.Run(t, sqlstore.MySQL, "mysql", dsn)
	t.Run("clientFoundRows", func(t *testing.T) { // counts rows found, not rows changed
		sqlcheck.Run(t, sqlstore.MySQL, "mysql", dsn+"?clientFoundRows=true")
	})
}
