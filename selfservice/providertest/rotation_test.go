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

// reporter keeps what a rotation reports, in place of failing.
type reporter struct {
	testing.TB
	said []string
}

func (r *reporter) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func (r *reporter) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *reporter) Fatal(args ...any)   { r.Fatalf("%s", fmt.Sprint(args...)) }
func (r *reporter) Error(args ...any)   { r.Errorf("%s", fmt.Sprint(args...)) }
func (r *reporter) Logf(string, ...any) {}

// observed makes a rotation at a server and returns what is reported of it.
func observed(t *testing.T, server *model.Server, change func(*Target), provider func(*changeable)) []string {
	key := keystest.Key(t, keys.ES256)
	report := &reporter{}
	synctest.Test(t, func(t *testing.T) {
		report.TB = t
		server.Adopt(selfservice.Credential{Key: key})
		target := &Target{
			First: selfservice.Credential{Key: key}, Accepts: server.Accepts, Knows: server.Knows, Registered: server.Registered, Gone: true,
			Nodes: server.Nodes,
			Provider: func(io *IO) selfservice.Provider {
				p := good(server, io)
				provider(p)
				return asRegistrar{p}
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
	return report.said
}

// TestWhatARotationReports: each thing that must hold, and a provider or a
// server for which it does not.
func TestWhatARotationReports(t *testing.T) {
	unchanged := func(*Target) {}
	for name, c := range map[string]struct {
		server   *model.Server
		change   func(*Target)
		provider func(*changeable, *model.Server)
		want     string
	}{
		"a good one":               {&model.Server{}, unchanged, func(*changeable, *model.Server) {}, "^$"},
		"a good one on five nodes": {&model.Server{Nodes: 5, Propagation: 8 * time.Second}, unchanged, func(*changeable, *model.Server) {}, "^$"},
		"nodes that are not waited for": {
			&model.Server{Nodes: 5, Propagation: time.Minute}, func(target *Target) { target.Timing.Propagation = 1 },
			func(p *changeable, _ *model.Server) {
				p.verify = func(context.Context, selfservice.Credential) error { return nil }
			},
			`^after "save" the active credential is not accepted by the server`,
		},
		"refusals while the Rotator waits": {&model.Server{Nodes: 5, Propagation: 8 * time.Second}, func(target *Target) {
			start, accepts := time.Now(), target.Accepts
			target.Accepts = func(fingerprint string) bool {
				return accepts(fingerprint) && (time.Since(start) < time.Minute || time.Since(start) > 80*time.Second)
			}
		}, func(*changeable, *model.Server) {}, `^[45] of \d+ requests were refused, made with what a replica named$`},
		"the active one ends": {&model.Server{}, unchanged, func(p *changeable, s *model.Server) {
			register := p.register
			p.register = func(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
				reg, err := register(ctx, as, c)
				s.Expire(as.Fingerprint(), time.Now())
				return reg, err
			}
		}, `after "save" the active credential is not accepted by the server`},
		"a server that replaces at once, and forgets": {&model.Server{ReplaceAtOnce: true}, func(target *Target) { target.AtOnce = true }, func(p *changeable, s *model.Server) {
			register := p.register
			p.register = func(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
				reg, err := register(ctx, as, c)
				s.Forget()
				return reg, err
			}
		}, `after "save" no stored credential is accepted by the server: locked out.*the rotation does not end`},
		"one too many": {&model.Server{}, unchanged, func(p *changeable, s *model.Server) {
			register := p.register
			p.register = func(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
				if other, err := keys.Generate(keys.ES256); err == nil {
					register(ctx, as, selfservice.Credential{Key: other})
				}
				return register(ctx, as, c)
			}
		}, "^2 credentials were registered, want 1$"},
		"an old one that stays": {&model.Server{}, unchanged, func(p *changeable, _ *model.Server) {
			p.remove = func(context.Context, selfservice.Credential, selfservice.Registration) error { return nil }
			p.deactivate = p.remove
		}, "^the retired credential is still accepted$"},
	} {
		t.Run(name, func(t *testing.T) {
			said := observed(t, c.server, c.change, func(p *changeable) { c.provider(p, c.server) })
			assert.Regexp(t, "(?s)"+c.want, fmt.Sprint(said)[1:len(fmt.Sprint(said))-1])
		})
	}
}

// TestPointsThatRepeatOthers are left out, but for the first two and the last.
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

// TestFaultsInTurn: with a Turn or several Nodes a point gets one fault.
func TestFaultsInTurn(t *testing.T) {
	all := []Fault{ErrorBefore, ErrorAfter, CrashBefore, CrashAfter}
	assert.Equal(t, all, (&Target{}).faults(1))
	for n := range 8 {
		assert.Equal(t, []Fault{all[n%4]}, (&Target{Nodes: 5}).faults(n))
		assert.Equal(t, []Fault{all[(n+3)%4]}, (&Target{Turn: CrashAfter}).faults(n))
	}
}
