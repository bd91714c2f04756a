package processes_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/sqlstore"
)

const (
	replicaVariable = "NOKKEL_PROCESSES_REPLICA" // makes this binary a replica
	clientID        = "my-client"
	pause           = 20 * time.Millisecond // between the calls of one user
)

var timing = selfservice.Timing{
	MaxAge: 1500 * time.Millisecond, Overlap: time.Second, Reread: 100 * time.Millisecond,
	CallTimeout: 250 * time.Millisecond, Lease: time.Second, Propagation: -1,
}

// replica is the argument of a process.
type replica struct {
	URL   string // of the authorization server and the API
	Place place
}

// place is a directory, or a table of PostgreSQL, with the store.
type place struct{ Dir, DSN, Table string }

func (p place) open() (selfservice.Store, error) {
	if p.Dir != "" {
		return filestore.Dir(p.Dir), nil
	}
	db, err := sql.Open("pgx", p.DSN)
	return sqlstore.Table{DB: db, Dialect: sqlstore.PostgreSQL, Name: p.Table}.Store(clientID), err
}

// line is a line of JSON that a process prints.
type line struct {
	Event  selfservice.EventKind `json:",omitempty"`
	Failed string                `json:",omitempty"` // the request that failed
	Error  string                `json:",omitempty"`
}

func TestMain(m *testing.M) {
	if arg := os.Getenv(fleetVariable); arg != "" {
		var r replica
		err := json.Unmarshal([]byte(arg), &r)
		if err == nil {
			err = r.pass(context.Background())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	arg := os.Getenv(replicaVariable)
	if arg == "" {
		os.Exit(m.Run())
	}
	go func() { // end with the parent
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	var r replica
	err := json.Unmarshal([]byte(arg), &r)
	if err == nil {
		err = r.run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// run is a user's program: it rotates in the background and calls an API.
func (r replica) run(ctx context.Context) error {
	store, err := r.Place.open()
	if err != nil {
		return err
	}
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	say := func(l line) {
		mu.Lock()
		defer mu.Unlock()
		out.Encode(l)
	}
	client := &helseid.Client{
		Environment: helseid.Environment{Authority: r.URL, BaseAddress: r.URL}, ClientID: clientID, Scopes: []string{"nhn:patients/read"},
	}
	rotator := &selfservice.Rotator{Provider: client, Store: store, Timing: timing, OnEvent: func(e selfservice.Event) {
		l := line{Event: e.Kind}
		if e.Err != nil {
			l.Error = e.Err.Error()
		}
		say(l)
	}}
	old := client.HTTPClient(rotator)
	users := map[string]func() *http.Client{
		"with an old token": func() *http.Client { return old },                        // that outlives a rotation
		"with a new token":  func() *http.Client { return client.HTTPClient(rotator) }, // from the current key
	}
	for name, api := range users {
		go func() {
			for _, err := rotator.SigningKey(ctx); err != nil; _, err = rotator.SigningKey(ctx) {
				time.Sleep(pause) // not ready until the store has been read once, which a busy machine may delay
			}
			for {
				if err := call(api(), r.URL); err != nil {
					say(line{Failed: name, Error: err.Error()})
				}
				time.Sleep(pause)
			}
		}()
	}
	return rotator.Run(ctx)
}

func call(api *http.Client, url string) error {
	resp, err := api.Get(url + "/api/patients")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the API answered %s: %w", resp.Status, err)
	}
	return nil
}
