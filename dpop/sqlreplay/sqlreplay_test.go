package sqlreplay_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/replaytest"
	"github.com/nokkel/nokkel/dpop/sqlreplay"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func server(t testing.TB) string {
	t.Helper()
	dsn := os.Getenv("NOKKEL_POSTGRES")
	if dsn == "" && os.Getenv("NOKKEL_LIVE") == "1" {
		t.Fatal("NOKKEL_POSTGRES is not set")
	}
	if dsn == "" {
		t.Skip("NOKKEL_POSTGRES is not set: run .ci/postgres go test")
	}
	return dsn
}

// open returns the table as another process would open it.
func open(t testing.TB, dsn, name string) *sqlreplay.Table {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	db.SetMaxOpenConns(20)
	t.Cleanup(func() { db.Close() })
	return &sqlreplay.Table{DB: db, Name: name}
}

// create creates a table that is dropped after the test.
func create(t testing.TB, dsn string) *sqlreplay.Table {
	t.Helper()
	table := open(t, dsn, "nokkel_"+strings.ToLower(rand.Text()))
	t.Cleanup(func() {
		_, err := table.DB.ExecContext(context.WithoutCancel(t.Context()), "DROP TABLE "+table.Name)
		assert.NoError(t, err)
	})
	require.NoError(t, table.Create(t.Context()))
	return table
}

func TestPostgreSQL(t *testing.T) {
	dsn := server(t)
	replaytest.RunShared(t,
		func(t *testing.T) string { return create(t, dsn).Name },
		func(t *testing.T, place string, maxKey int) dpop.Replay {
			table := open(t, dsn, place)
			table.MaxKey = maxKey
			return table
		})
}

// The contract holds at every isolation level and in the query modes for transaction
// poolers.
func TestPostgreSQLSettings(t *testing.T) {
	dsn := server(t)
	for _, setting := range [][2]string{
		{"default_transaction_isolation", "repeatable%20read"},
		{"default_transaction_isolation", "serializable"},
		{"default_query_exec_mode", "exec"},
		{"default_query_exec_mode", "simple_protocol"},
		{"timezone", "Asia%2FKathmandu"},
	} {
		t.Run(setting[0]+" "+setting[1], func(t *testing.T) {
			t.Parallel()
			replaytest.Run(t, func(t *testing.T, maxKey int) dpop.Replay {
				table := create(t, dsn+"&"+setting[0]+"="+setting[1])
				table.MaxKey = maxKey
				return table
			})
		})
	}
}

func proofFor(t *testing.T) (key *keys.Key, r dpop.Request) {
	t.Helper()
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	token := keys.NewSecret("the-token-of-a-client")
	proof, err := dpop.Sign(t.Context(), key, dpop.Proof{URL: "https://api.example.no/", AccessToken: token})
	require.NoError(t, err)
	return key, dpop.Request{Method: "GET", URL: "https://api.example.no/", Proofs: []string{proof}, Token: token, JKT: key.Thumbprint()}
}

// Of 100 requests with one proof to two servers with a common database, one is
// accepted and the others are replays.
func TestOneProofAtTwoServers(t *testing.T) {
	table := create(t, server(t))
	servers := []*dpop.Verifier{{Replay: table}, {Replay: open(t, server(t), table.Name)}}
	_, r := proofFor(t)
	var passed, replayed atomic.Int32
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			switch _, err := servers[i%2].Verify(t.Context(), r); {
			case err == nil:
				passed.Add(1)
			case errors.Is(err, dpop.ErrReplayed):
				replayed.Add(1)
			default:
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
	assert.Equal(t, []int32{1, 99}, []int32{passed.Load(), replayed.Load()})
}

// Requests are refused, and the error says that the store failed.
func TestDatabaseDown(t *testing.T) {
	const password = "the-password-of-the-database"
	config, err := pgx.ParseConfig("postgres://nokkel:" + password + "@127.0.0.1:1/postgres?sslmode=disable")
	require.NoError(t, err)
	table := &sqlreplay.Table{DB: stdlib.OpenDB(*config)}
	defer table.DB.Close()
	_, r := proofFor(t)
	checked, err := (&dpop.Verifier{Replay: table}).Verify(t.Context(), r)
	require.ErrorIs(t, err, dpop.ErrReplayStore)
	assert.Nil(t, checked)
	keystest.Redacted(t, err, []byte(password))
	require.Error(t, table.Create(t.Context()))
	keystest.PackageRedacted(t, map[string][]any{"Table": {table}}, []byte(r.Proofs[0])) // what printing a DB shows is the caller's
}

// While the server closes connections a proof is accepted at most once.
func TestServerClosesTheConnections(t *testing.T) {
	table := create(t, server(t))
	v := &dpop.Verifier{Replay: table}
	_, r := proofFor(t)
	_, err := v.Verify(t.Context(), r)
	require.NoError(t, err)
	_, err = open(t, server(t), "").DB.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%" + table.Name + "%' AND pid <> pg_backend_pid()")
	require.NoError(t, err)
	for range 3 {
		_, err = v.Verify(t.Context(), r)
		require.Error(t, err)
	}
	require.ErrorIs(t, err, dpop.ErrReplayed, "connected again")
	late, cancel := context.WithCancel(t.Context())
	cancel()
	_, next := proofFor(t)
	checked, err := v.Check(t.Context(), next)
	require.NoError(t, err)
	require.ErrorIs(t, v.Consume(late, checked), dpop.ErrReplayStore)
}

// Every so many calls delete some of what expired ten minutes ago.
func TestExpiredEntriesAreDeleted(t *testing.T) {
	table := create(t, server(t))
	fill := func() {
		for range 300 {
			require.NoError(t, table.Insert(t.Context(), replaytest.NewEntry(time.Minute)))
		}
	}
	fill()
	_, err := table.DB.Exec("UPDATE " + table.Name + " SET until = until - 11 * 60 * 1000")
	require.NoError(t, err)
	fill()
	var rows int
	require.NoError(t, table.DB.QueryRow("SELECT count(*) FROM "+table.Name).Scan(&rows))
	assert.GreaterOrEqual(t, rows, 300)
	assert.Less(t, rows, 450)
}

// The database's clock is ahead for a while, and then right again.
func TestClockStepsBack(t *testing.T) {
	dsn := server(t)
	schema := "nokkel_" + strings.ToLower(rand.Text()) // with a clock of its own
	db := open(t, dsn+"&search_path="+schema+",pg_catalog", "").DB
	_, err := db.Exec("CREATE SCHEMA " + schema + "; CREATE TABLE ahead AS SELECT interval '0' AS by; CREATE FUNCTION clock_timestamp() " +
		"RETURNS timestamptz VOLATILE LANGUAGE sql AS 'SELECT pg_catalog.clock_timestamp() + by FROM ahead'")
	require.NoError(t, err)
	t.Cleanup(func() { open(t, dsn, "").DB.Exec("DROP SCHEMA " + schema + " CASCADE") })
	table := &sqlreplay.Table{DB: db}
	require.NoError(t, table.Create(t.Context()))
	e := replaytest.NewEntry(time.Minute)
	require.NoError(t, table.Insert(t.Context(), e))

	_, err = db.Exec("UPDATE ahead SET by = '9 minutes'")
	require.NoError(t, err)
	for range 100 {
		require.NoError(t, table.Insert(t.Context(), replaytest.NewEntry(15*time.Minute)))
	}
	require.ErrorIs(t, table.Insert(t.Context(), e), dpop.ErrProofTime)
	_, err = db.Exec("UPDATE ahead SET by = '0'")
	require.NoError(t, err)
	require.ErrorIs(t, table.Insert(t.Context(), e), dpop.ErrReplayed)
}

// Tables whose long names begin alike have indexes of their own. Those of short
// names are where they were.
func TestIndexes(t *testing.T) {
	dsn := server(t)
	long := strings.Repeat("x", 30) + strings.ToLower(rand.Text()) + "x"
	for _, name := range []string{long + "_a", long + "_b", long[:57], long[:20]} {
		table := open(t, dsn, name)
		defer table.DB.Exec("DROP TABLE " + name)
		require.NoError(t, table.Create(t.Context()))
		require.NoError(t, table.Create(t.Context()), "repeated")
		var indexes, plain int
		require.NoError(t, table.DB.QueryRow("SELECT count(*), count(*) FILTER (WHERE indexname IN ($1, $2)) FROM pg_indexes WHERE tablename = $3",
			name+"_owner", name+"_until", name).Scan(&indexes, &plain))
		assert.Equal(t, 3, indexes, name)
		assert.Equal(t, len(name) <= 57, plain == 2, name)
	}
}

func TestConcurrentCreate(t *testing.T) {
	dsn := server(t)
	for range 3 {
		name := "nokkel_" + strings.ToLower(rand.Text())
		defer open(t, dsn, name).DB.Exec("DROP TABLE " + name)
		var all sync.WaitGroup
		for range 8 {
			table := open(t, dsn, name)
			all.Go(func() {
				assert.NoError(t, table.Create(t.Context()))
				assert.NoError(t, table.Insert(t.Context(), replaytest.NewEntry(time.Minute)))
			})
		}
		all.Wait()
	}
}

// The user of the program may use the table but not create one.
func TestTableOfAnotherOwner(t *testing.T) {
	dsn := server(t)
	owner := open(t, dsn, "sqlreplay_test.spent")
	schema, err := owner.Schema()
	require.NoError(t, err)
	defer owner.DB.Exec("DROP SCHEMA sqlreplay_test CASCADE; DROP ROLE sqlreplay_user")
	_, err = owner.DB.ExecContext(t.Context(), "CREATE SCHEMA sqlreplay_test; CREATE ROLE sqlreplay_user; "+
		"GRANT USAGE ON SCHEMA sqlreplay_test TO sqlreplay_user; "+strings.Join(schema, "; ")+
		"; GRANT SELECT, INSERT, UPDATE, DELETE ON sqlreplay_test.spent TO sqlreplay_user")
	require.NoError(t, err)
	user, err := url.Parse(dsn)
	require.NoError(t, err)
	user.RawQuery += "&role=sqlreplay_user"
	table := open(t, user.String(), owner.Name)
	require.NoError(t, table.Create(t.Context()))
	for range 200 {
		require.NoError(t, table.Insert(t.Context(), replaytest.NewEntry(time.Minute)))
	}
	table.Name = "sqlreplay_test.absent"
	require.Error(t, table.Create(t.Context()))
}

func TestConfiguration(t *testing.T) {
	db, err := sql.Open("pgx", "postgres://127.0.0.1:1/none?connect_timeout=1")
	require.NoError(t, err)
	defer db.Close()
	for rule, table := range map[string]*sqlreplay.Table{
		"no database":          {},
		"negative bound":       {DB: db, MaxKey: -1},
		"name with a quote":    {DB: db, Name: `a"`},
		"name in upper case":   {DB: db, Name: "Spent"},
		"statement for a name": {DB: db, Name: "a; DROP TABLE b"},
		"three parts":          {DB: db, Name: "a.b.c"},
	} {
		require.ErrorIs(t, (&dpop.Verifier{Replay: table}).Validate(), dpop.ErrConfig, rule)
		_, err := table.Schema()
		require.ErrorIs(t, err, dpop.ErrConfig, rule)
		require.ErrorIs(t, table.Create(t.Context()), dpop.ErrConfig, rule)
		require.ErrorIs(t, table.Insert(t.Context(), replaytest.NewEntry(time.Minute)), dpop.ErrConfig, rule)
	}
}

// A table that is not set up says so before the first request, and why.
func TestVerifierAsksTheTable(t *testing.T) {
	require.EqualError(t, (&dpop.Verifier{Replay: &sqlreplay.Table{}}).Validate(),
		"dpop: the verifier is not set up: a sqlreplay.Table needs a DB, and MaxKey is not negative")
	v := &dpop.Verifier{Replay: &sqlreplay.Table{DB: new(sql.DB)}, Nonces: &dpop.Nonces{}}
	require.ErrorIs(t, v.Validate(), dpop.ErrConfig, "processes that share it share Secrets")
	v.Nonces.Secrets = []keys.Secret{keys.NewSecret(rand.Text() + rand.Text())}
	require.NoError(t, v.Validate())
}

// BenchmarkPostgreSQL spends proofs at a table that holds 10,000 of as many keys
// already, in as many goroutines as it has connections.
func BenchmarkPostgreSQL(b *testing.B) {
	table := create(b, server(b))
	for range 10_000 {
		require.NoError(b, table.Insert(b.Context(), replaytest.NewEntry(time.Hour)))
	}
	b.SetParallelism(10)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := table.Insert(b.Context(), replaytest.NewEntry(time.Minute)); err != nil {
				b.Error(err)
			}
		}
	})
}
