package contract_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/internal/fake"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Kinds of credentials that a killed process rotates.
const (
	storedKeys = "stored keys"
	keysAtURL  = "keys at a URL"
	secrets    = "secrets under a policy"
)

// victim configures a process that rotates until it is killed.
type victim struct {
	Server, Realm, Dir string
	Kind               string
	CallTimeout        time.Duration
	Propagation        time.Duration
}

const victimVariable = "NOKKEL_TEST_VICTIM"

func TestMain(m *testing.M) {
	if text := os.Getenv(victimVariable); text != "" {
		var v victim
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stderr, v.run())
		os.Exit(1)
	}
	flag.Parse()
	flag.Set("test.parallel", "8") // they mostly wait
	if os.Getenv("KEYCLOAK_NODES") != "" {
		flag.Set("test.parallel", "4") // but several servers on one machine compute
	}
	code := m.Run()
	if err := deleteRealms(os.Getenv("KEYCLOAK_URL")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func (v victim) run() error {
	r := &selfservice.Rotator{Provider: v.provider(), Store: filestore.Dir(v.Dir), Timing: v.timing()}
	for {
		err := r.Rotate(context.Background())
		if errors.Is(err, context.DeadlineExceeded) {
			continue // CallTimeout is short for a busy machine
		}
		if err != nil {
			return err
		}
		for range 20 {
			if next, err := r.Step(context.Background()); err != nil || time.Until(next) > time.Second {
				break
			} else {
				time.Sleep(time.Until(next))
			}
		}
	}
}

func (v victim) provider() selfservice.Provider {
	client := &keycloak.Client{Realm: keycloak.Realm{Server: v.Server, Name: v.Realm}, ClientID: "app"}
	switch v.Kind {
	case secrets:
		return keycloak.Secret{Client: client}
	case keysAtURL:
		return keycloak.JWKSURL{Client: client, Margin: time.Second}
	}
	return keycloak.JWKS{Client: client}
}

func (v victim) timing() selfservice.Timing {
	return selfservice.Timing{Overlap: 600 * time.Millisecond, Reread: 50 * time.Millisecond, Propagation: v.Propagation, CallTimeout: v.CallTimeout}
}

// TestAKilledRotatorIsResumed kills the process that rotates its own client
// while others keep using what is in the store.
func TestAKilledRotatorIsResumed(t *testing.T) {
	after := func(kills int) time.Duration { return time.Second + time.Duration(kills)*137*time.Millisecond }
	t.Parallel()
	for _, kind := range []string{storedKeys, secrets} {
		t.Run(kind, func(t *testing.T) {
			each(t, func(tg *target) { tg.kill(kind, after) })
		})
	}
	t.Run(keysAtURL, func(t *testing.T) { // live only, as a rotation takes 12 s
		live(t).kill(keysAtURL, func(kills int) time.Duration { return 3*time.Second + time.Duration(kills)*2300*time.Millisecond })
	})
}

// kill runs one victim after another, each for the duration that after returns.
func (tg *target) kill(kind string, after func(kills int) time.Duration) {
	t, ctx := tg.t, tg.t.Context()
	tg.policy(7*day, 2*day, day)
	id, secret := tg.client("app", nil)
	tg.grant("app", "manage-clients")
	kills := tg.times(6)
	if len(tg.realm.Nodes) > 1 { // a rotation of keys waits for the nodes
		kills = 2 * kills
		after = func(kills int) time.Duration { return 3*time.Second + time.Duration(kills)*2300*time.Millisecond }
	}
	v := victim{Server: tg.realm.Server, Realm: tg.realm.Name, Dir: filepath.Join(t.TempDir(), "store"), Kind: kind, CallTimeout: 500 * time.Millisecond, Propagation: tg.short().Propagation}
	if tg.live {
		v.CallTimeout = 5 * time.Second // the lease of a killed process is four times that
	}
	text, err := json.Marshal(v)
	require.NoError(t, err)
	follower := &selfservice.Rotator{Store: filestore.Dir(v.Dir), Timing: v.timing()}
	adopted := selfservice.Credential{Secret: secret}
	if kind != secrets {
		adopted = selfservice.Credential{Key: newKey(t)}
	}
	require.NoError(t, follower.Adopt(ctx, adopted))
	switch kind {
	case storedKeys:
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(adopted.Key)))
	case keysAtURL:
		published := fake.Listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			replica := &selfservice.Rotator{Store: filestore.Dir(v.Dir)} // it has just read the store
			(&keys.Handler{Keys: replica.Published}).ServeHTTP(w, r)
		}))
		require.NoError(t, tg.admin.SetJWKSURL(ctx, id, published))
	}
	following, cancel := context.WithCancel(ctx)
	defer cancel()
	go follower.Run(following)
	l := tg.load(tg.auth(follower, kind == secrets))
	start := func() *exec.Cmd {
		process := exec.Command(os.Args[0])
		process.Env, process.Stderr = append(os.Environ(), victimVariable+"="+string(text)), &bytes.Buffer{}
		require.NoError(t, process.Start())
		return process
	}
	kill := func(process *exec.Cmd) {
		require.NoError(t, process.Process.Kill())
		var exit *exec.ExitError
		require.True(t, errors.As(process.Wait(), &exit) && !exit.Exited(), "it failed before it was killed: %s", process.Stderr)
	}
	killed, inTheMiddle := 0, 0
	for killed < kills || inTheMiddle == 0 && killed < 10*kills {
		process := start()
		time.Sleep(after(killed))
		kill(process)
		killed++
		st, err := follower.Status(ctx)
		require.NoError(t, err)
		if st.Pending != nil || len(st.Retiring) > 0 {
			inTheMiddle++
		}
	}
	before, err := follower.Status(ctx)
	require.NoError(t, err)
	last := start() // it waits for the previous lease, and resumes
	assert.Eventually(t, func() bool {
		st, err := follower.Status(ctx)
		return err == nil && st.Rotations > before.Rotations+1
	}, 2*time.Minute, 50*time.Millisecond)
	kill(last)
	st, err := follower.Status(ctx)
	require.NoError(t, err)
	assert.Positive(t, inTheMiddle)
	l.Stop(t, fmt.Sprintf("%s, %d kills (%d in the middle of a rotation), %d rotations", kind, killed+1, inTheMiddle, st.Rotations))
}
