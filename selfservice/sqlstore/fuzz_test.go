package sqlstore

import (
	"cmp"
	"database/sql"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzTableName: a name that is accepted can only be a name in a statement; others
// are a configuration error.
func FuzzTableName(f *testing.F) {
	for _, seed := range []string{"", "nokkel_state", "app.state", "a.b.c", ".", "1a", "A", "state; DROP TABLE x", `"state"`, "{blob}", "a?", strings.Repeat("x", 64)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, dialect := range []Dialect{PostgreSQL, SQLite, MySQL} {
			table := Table{DB: new(sql.DB), Dialect: dialect, Name: name}
			schema, err := table.Schema()
			if err != nil {
				require.ErrorIs(t, err, selfservice.ErrConfig)
				continue
			}
			assert.Regexp(t, `^([a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?)?$`, name)
			assert.True(t, strings.HasPrefix(schema, "CREATE TABLE IF NOT EXISTS "+cmp.Or(name, "nokkel_state")+" ("), schema)
			assert.NotContains(t, schema, "{")
		}
	})
}

// FuzzRowName: a name that is accepted is text that every database stores unchanged.
func FuzzRowName(f *testing.F) {
	for _, seed := range []string{"", "client", "a\x00", "\xff", "\U0010FFFF", strings.Repeat("x", 256), "'; --"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		err := row{Table{DB: new(sql.DB), Dialect: SQLite}, name}.check()
		if err != nil {
			require.ErrorIs(t, err, selfservice.ErrConfig)
			return
		}
		assert.True(t, len(name) >= 1 && len(name) <= 255)
		assert.Equal(t, name, strings.ToValidUTF8(name, ""))
		assert.NotContains(t, name, "\x00")
	})
}
