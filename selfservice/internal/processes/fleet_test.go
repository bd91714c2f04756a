package processes_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/nokkel/nokkel/selfservice/internal/must"
	"github.com/nokkel/nokkel/selfservice/sqlstore"
)

const fleetVariable = "NOKKEL_PROCESSES_FLEET" // makes this binary run one pass

// pass makes one pass over a fleet when it reads a line, and prints its report.
func (r replica) pass(ctx context.Context) error {
	db, err := sql.Open("pgx", r.Place.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	table := sqlstore.Table{DB: db, Dialect: sqlstore.PostgreSQL, Name: r.Place.Table, Scheduled: true}
	vendor := &helseid.Client{Environment: helseid.Environment{Authority: r.URL, BaseAddress: r.URL}}
	fleet := &selfservice.Fleet{Concurrency: 4, Agenda: table.Agenda(""), Rotator: func(name string) *selfservice.Rotator {
		return &selfservice.Rotator{Provider: vendor.For(name), Store: table.Store(name), Timing: selfservice.Timing{Propagation: -1}}
	}}
	fmt.Println("ready")
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		return err // the parent has ended
	}
	report, err := fleet.RotateDue(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}

// passes makes three processes run a pass at the same time.
func passes(t *testing.T, url string, p place) (reports []selfservice.Report) {
	t.Helper()
	arg, err := json.Marshal(replica{url, p})
	require.NoError(t, err)
	type process struct {
		*exec.Cmd
		in  io.WriteCloser
		out *bufio.Reader
	}
	var all []process
	for range replicas {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), fleetVariable+"="+string(arg))
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		all = append(all, process{cmd, in, bufio.NewReader(out)})
	}
	for _, p := range all {
		line, err := p.out.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "ready\n", line)
	}
	reports = make([]selfservice.Report, len(all))
	var ended sync.WaitGroup
	for i, p := range all {
		ended.Go(func() {
			fmt.Fprintln(p.in, "go")
			assert.NoError(t, json.NewDecoder(p.out).Decode(&reports[i]))
			assert.NoError(t, p.Wait())
		})
	}
	ended.Wait()
	return reports
}

// rowsRead returns PostgreSQL's count of the table's rows, and of the entries in its
// indexes, that were read so far. It waits for the counts of sessions that have
// ended.
func rowsRead(t *testing.T, db *sql.DB, table string) (n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		var others int
		err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%'||$1||'%'", table).Scan(&others)
		return err == nil && others == 0
	}, patience, 10*time.Millisecond)
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = $1) FROM pg_stat_user_tables WHERE relname = $1", table).Scan(&n))
	return n
}

// TestFleetOfManyInPostgreSQL has 100,000 clients, few of which are due. What three
// processes read is proportional to those, and each of those is rotated once.
func TestFleetOfManyInPostgreSQL(t *testing.T) {
	const clients = 100_000
	const most = 80 // rows and index entries read for one rotation, three times the usual number
	p := place{DSN: postgres(t), Table: "nokkel_" + strings.ToLower(rand.Text())}
	db, err := sql.Open("pgx", p.DSN)
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	require.NoError(t, sqlstore.Table{DB: db, Dialect: sqlstore.PostgreSQL, Name: p.Table, Scheduled: true}.Create(t.Context()))
	defer db.Exec("DROP TABLE " + p.Table)
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	for _, c := range []struct {
		state []byte
		from  int // of a thousand
		to    int
		due   time.Time
	}{
		{adoptedLongAgo(t, key), 0, 1, time.Now().Add(-time.Hour)},
		{adopted(t, key), 1, 1000, time.Now().Add(6 * time.Hour)},
	} {
		_, err = db.ExecContext(t.Context(), "INSERT INTO "+p.Table+" (name, version, state, due) "+
			"SELECT 'client-'||i, i, $1::bytea, $2::bigint + i FROM generate_series(1, $3::int) i WHERE i % 1000 >= $4::int AND i % 1000 < $5::int",
			c.state, c.due.UnixMilli(), clients, c.from, c.to)
		require.NoError(t, err)
	}
	_, err = db.ExecContext(t.Context(), "ANALYZE "+p.Table)
	require.NoError(t, err)

	server := helseidtest.New()
	defer server.Close()
	for i := 1000; i <= clients; i += 1000 {
		server.AddClient(fmt.Sprintf("client-%d", i), key.PublicKey())
	}
	registrations, dead := 0, 0
	for _, due := range []int{clients / 1000, 0, 0, 20} {
		if due == 20 { // others than before
			for i := range due {
				name := fmt.Sprintf("client-%d", 1000*i+7)
				server.AddClient(name, key.PublicKey())
				_, err := db.ExecContext(t.Context(), "UPDATE "+p.Table+" SET due = $1, state = $2 WHERE name = $3", time.Now().UnixMilli(), adoptedLongAgo(t, key), name)
				require.NoError(t, err)
			}
		}
		before := rowsRead(t, db, p.Table)
		var looked, rotated int
		start := time.Now()
		reports := passes(t, server.URL(), p)
		for _, r := range reports {
			looked += r.Clients
			rotated += r.Rotated
			assert.Zero(t, r.Elsewhere+r.Failed+r.Waiting+r.Idle, "%+v", r)
		}
		read := rowsRead(t, db, p.Table) - before
		t.Logf("%d of %d clients due: three processes rotated %d, %d, %d and read %d rows and index entries, in %v",
			due, clients, reports[0].Rotated, reports[1].Rotated, reports[2].Rotated, read, time.Since(start).Round(time.Millisecond))
		assert.Equal(t, due, looked)
		assert.Equal(t, due, rotated)
		// A process may read dead index entries, which the first to meet one marks,
		// unless some session (autovacuum, for one) still has an older snapshot: then
		// the next pass meets them again. Planning a statement reads the ends of an
		// index too.
		assert.LessOrEqual(t, read, most*due+replicas*dead+100)
		assert.GreaterOrEqual(t, read, due, "the count works")
		dead += 3 * due
		registrations += due
		assert.Equal(t, registrations, server.Counts().Registrations)
	}
	for i := 1000; i <= clients; i += 1000 {
		assert.Len(t, server.Keys(fmt.Sprintf("client-%d", i)), 2)
	}
}

// adopted returns the state of a client that is not due.
func adopted(t *testing.T, key *keys.Key) []byte {
	t.Helper()
	var store selfservice.Mem
	require.NoError(t, (&selfservice.Rotator{Store: &store}).Adopt(t.Context(), selfservice.Credential{Key: key}))
	blob, _ := must.Load(t, &store)
	return []byte(blob)
}

// adoptedLongAgo returns one that is: the clock of a bubble starts in 2000.
func adoptedLongAgo(t *testing.T, key *keys.Key) (blob []byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { blob = adopted(t, key) })
	return blob
}
