package providertest

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reporter records what a rotation reports, and does not fail.
type reporter struct {
	testing.TB
	reports []string
}

func (r *reporter) Errorf(format string, args ...any) {
	r.reports = append(r.reports, fmt.Sprintf(format, args...))
}

func (r *reporter) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *reporter) Fatal(args ...any)   { r.Fatalf("%s", fmt.Sprint(args...)) }
func (r *reporter) Error(args ...any)   { r.Errorf("%s", fmt.Sprint(args...)) }
func (r *reporter) Logf(string, ...any) {}

// reportsOf makes a rotation and returns what it reports.
func reportsOf(t *testing.T, server *model.Server, change func(*Target), provider func(*stub)) []string {
	key := keystest.Key(t, keys.ES256)
	report := &reporter{}
	synctest.Test(t, func(t *testing.T) {
		report.TB = t
		server.Adopt(selfservice.Credential{Key: key})
		target := &Target{
			First: selfservice.Credential{Key: key}, Accepts: server.Accepts, Knows: server.Knows, Registered: server.Registered, Gone: true,
			Nodes: server.Nodes,
			Provider: func(io *IO) selfservice.Provider {
				p := newStub(server, io)
				provider(p)
				return registrar{p}
			},
		}
		change(target)
		done := make(chan struct{})
		go func() {
			defer close(done) // also after Fatal
			rotation(report, target, 0, None)
		}()
		<-done
	})
	return report.reports
}

// TestWhatARotationReports has a row for each invariant, with a provider or a
// server that breaks it.
func TestWhatARotationReports(t *testing.T) {
	unchanged := func(*Target) {}
	for name, c := range map[string]struct {
		server   *model.Server
		change   func(*Target)
		provider func(*stub, *model.Server)
		want     string
	}{
		"none":               {&model.Server{}, unchanged, func(*stub, *model.Server) {}, "^$"},
		"none on five nodes": {&model.Server{Nodes: 5, Propagation: 8 * time.Second}, unchanged, func(*stub, *model.Server) {}, "^$"},
		"a switch before all nodes know": {
			&model.Server{Nodes: 5, Propagation: time.Minute}, func(target *Target) { target.Timing.Propagation = 1 },
			func(p *stub, _ *model.Server) {
				p.afterVerify(func(context.Context, error) error { return nil })
			},
			`^after "save" the active credential is not accepted by the server`,
		},
		"refusals during the proof": {&model.Server{Nodes: 5, Propagation: 8 * time.Second}, func(target *Target) {
			start, accepts := time.Now(), target.Accepts
			target.Accepts = func(fingerprint string) bool {
				return accepts(fingerprint) && (time.Since(start) < time.Minute || time.Since(start) > 80*time.Second)
			}
		}, func(*stub, *model.Server) {}, `^[45] of \d+ requests were refused, made with the credential of a replica$`},
		"a server that replaces at once": {&model.Server{}, unchanged, replacesAtOnce, `after "save" the active credential is not accepted by the server`},
		"a server that replaces at once, and forgets": {&model.Server{ReplaceAtOnce: true}, func(target *Target) { target.AtOnce = true }, func(p *stub, s *model.Server) {
			p.afterRegister(func(selfservice.Credential, *selfservice.Registration) { s.Forget() })
		}, `after "save" no stored credential is accepted by the server: locked out.*the rotation does not end`},
		"two registrations": {&model.Server{}, unchanged, registersTwo, "^2 credentials were registered, want 1$"},
		"an old one that is not retired": {&model.Server{}, unchanged, func(p *stub, _ *model.Server) {
			p.remove, p.deactivate = nothing, nothing
		}, "^the retired credential is still accepted$"},
	} {
		t.Run(name, func(t *testing.T) {
			reports := reportsOf(t, c.server, c.change, func(p *stub) { c.provider(p, c.server) })
			assert.Regexp(t, "(?s)"+c.want, fmt.Sprint(reports)[1:len(fmt.Sprint(reports))-1])
		})
	}
}

// TestPointsThatRepeatOthers are left out but for the first two and the last.
func TestPointsThatRepeatOthers(t *testing.T) {
	list := func(names ...string) (points []point) {
		for _, name := range names {
			points = append(points, point{name[:1], name[1:]})
		}
		return points
	}
	require.Equal(t, []int{0, 1, 2, 3, 6, 7, 8, 9}, distinct(list("v1", "l1", "v1", "l1", "v1", "l1", "v1", "l1", "v2", "s2")))
	assert.Empty(t, distinct(nil))
}

// TestFaultsInTurn checks that with a Turn a point gets one fault.
func TestFaultsInTurn(t *testing.T) {
	all := []Fault{ErrorBefore, ErrorAfter, CrashBefore, CrashAfter}
	assert.Equal(t, all, (&Target{}).faults(1))
	for n := range 8 {
		assert.Equal(t, []Fault{all[n%4]}, (&Target{Turn: ErrorBefore}).faults(n))
		assert.Equal(t, []Fault{all[(n+3)%4]}, (&Target{Turn: CrashAfter}).faults(n))
	}
}
