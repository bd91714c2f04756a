package sqlstore_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/sqlstore"
	"github.com/stretchr/testify/require"
)

// TestNoTypeShowsASecret has a database that cannot be reached. What printing the DB
// shows is the caller's concern.
func TestNoTypeShowsASecret(t *testing.T) {
	const password, blob = "the-password-of-the-database", "the blob with private keys"
	config, err := pgx.ParseConfig("postgres://nokkel:" + password + "@127.0.0.1:1/postgres?sslmode=disable")
	require.NoError(t, err)
	table := sqlstore.Table{DB: stdlib.OpenDB(*config), Dialect: sqlstore.PostgreSQL}
	defer table.DB.Close()
	store := table.Store("client")
	_, saving := store.Save(t.Context(), []byte(blob), "")
	require.Error(t, saving)
	_, _, loading := store.Load(t.Context())
	creating := table.Create(t.Context())

	keystest.PackageRedacted(t, map[string][]any{
		"Dialect": {table.Dialect},
		"Table":   {table, store},
	}, []byte(blob))
	for _, err := range []error{saving, loading, creating} {
		require.Error(t, err)
		keystest.Redacted(t, err, []byte(password), []byte(blob))
	}
}
