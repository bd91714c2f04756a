package providertest

import (
	"context"
	"errors"
	"strings"
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

// changeable is a provider whose calls a test can change, one by one.
type changeable struct {
	verify                               func(context.Context, selfservice.Credential) error
	list                                 func(context.Context, selfservice.Credential) ([]selfservice.Registration, error)
	register                             func(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error)
	issue                                func(ctx context.Context, as selfservice.Credential, before []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error)
	activate, deactivate, remove, purged func(context.Context, selfservice.Credential, selfservice.Registration) error
}

func (p *changeable) Verify(ctx context.Context, c selfservice.Credential) error {
	return p.verify(ctx, c)
}

func (p *changeable) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	return p.list(ctx, as)
}

func (p *changeable) Activate(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return p.activate(ctx, as, r)
}

func (p *changeable) Deactivate(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return p.deactivate(ctx, as, r)
}

func (p *changeable) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return p.remove(ctx, as, r)
}

func (p *changeable) Purge(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return p.purged(ctx, as, r)
}

// A changeable as a Registrar, and as an Issuer.
type (
	asRegistrar struct{ *changeable }
	asIssuer    struct{ *changeable }
)

func (p asRegistrar) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	return p.register(ctx, as, c)
}

func (p asIssuer) Issue(ctx context.Context, as selfservice.Credential, before []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error) {
	return p.issue(ctx, as, before)
}

// good does what it should.
func good(server *model.Server, io *IO) *changeable {
	full := server.Full(io.Do)
	p := &changeable{verify: full.Verify, list: full.List}
	p.register = full.(selfservice.Registrar).Register
	p.issue = server.FullIssuer(io.Do).(selfservice.Issuer).Issue
	p.activate, p.deactivate = full.(selfservice.Switch).Activate, full.(selfservice.Switch).Deactivate
	p.remove = full.(selfservice.Remover).Remove
	p.purged = func(context.Context, selfservice.Credential, selfservice.Registration) error { return nil }
	return p
}

const madeByHand = "the first secret, registered by hand"

// broken returns what the contract says of a provider that a test has changed.
func broken(t *testing.T, issuer bool, change func(*changeable, *model.Server)) (found []string) {
	key := keystest.Key(t, keys.ES256)
	synctest.Test(t, func(t *testing.T) {
		server, first := &model.Server{}, selfservice.Credential{Key: key}
		if issuer {
			first = selfservice.Credential{Secret: keys.NewSecret(madeByHand)}
		}
		server.Adopt(first)
		found = breaches(t.Context(), &Target{
			First: first, Accepts: server.Accepts, Registered: server.Registered, Gone: true,
			Provider: func(io *IO) selfservice.Provider {
				p := good(server, io)
				change(p, server)
				if issuer {
					return asIssuer{p}
				}
				return asRegistrar{p}
			},
		})
	})
	return found
}

func TestAProviderThatKeepsTheContract(t *testing.T) {
	for _, issuer := range []bool{false, true} {
		assert.Empty(t, broken(t, issuer, func(*changeable, *model.Server) {}))
	}
}

var errOther = errors.New("another error")

// without leaves some registrations out of a list.
func without(list func(context.Context, selfservice.Credential) ([]selfservice.Registration, error), is func(selfservice.Registration) bool) func(context.Context, selfservice.Credential) ([]selfservice.Registration, error) {
	return func(ctx context.Context, as selfservice.Credential) (kept []selfservice.Registration, err error) {
		all, err := list(ctx, as)
		for _, r := range all {
			if !is(r) {
				kept = append(kept, r)
			}
		}
		return kept, err
	}
}

// TestEveryBreachIsNamed: what a provider does wrong, and what it is told.
func TestEveryBreachIsNamed(t *testing.T) {
	nothing := func(context.Context, selfservice.Credential, selfservice.Registration) error { return nil }
	fails := func(context.Context, selfservice.Credential, selfservice.Registration) error { return errOther }
	type change = func(*changeable, *model.Server)
	once := func(call func(context.Context, selfservice.Credential, selfservice.Registration) error) func(context.Context, selfservice.Credential, selfservice.Registration) error {
		n := 0
		return func(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
			if n++; n > 1 {
				return errOther
			}
			return call(ctx, as, r)
		}
	}
	ends := func(s *model.Server, call func(context.Context, selfservice.Credential, selfservice.Registration) error) func(context.Context, selfservice.Credential, selfservice.Registration) error {
		return func(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
			err := call(ctx, as, r)
			s.Expire(as.Fingerprint(), time.Now())
			return err
		}
	}
	for name, c := range map[string]struct {
		issuer bool
		change change
		want   string
	}{
		"no refusal is told": {false, func(p *changeable, _ *model.Server) {
			verify := p.verify
			p.verify = func(ctx context.Context, c selfservice.Credential) error {
				if verify(ctx, c) != nil {
					return errOther
				}
				return nil
			}
		}, "Verify: a credential that the server does not know is not ErrInvalidClient: another error"},
		"all is accepted": {false, func(p *changeable, _ *model.Server) {
			p.verify = func(context.Context, selfservice.Credential) error { return nil }
		}, "Verify: a credential that the server does not know is not ErrInvalidClient: %!v(<nil>)"},
		"nothing is accepted": {false, func(p *changeable, _ *model.Server) {
			p.verify = func(context.Context, selfservice.Credential) error { return selfservice.ErrInvalidClient }
		}, "Verify: a credential that the server accepts: selfservice: the server does not accept the credential"},
		"one refusal is all": {false, func(p *changeable, _ *model.Server) {
			verify, refused := p.verify, false
			p.verify = func(ctx context.Context, c selfservice.Credential) error {
				err := verify(ctx, c)
				if refused = refused || err != nil; refused {
					return selfservice.ErrInvalidClient
				}
				return nil
			}
		}, "Verify: a credential that the server accepts, after one that it does not: selfservice: the server does not accept the credential"},
		"every failure is a refusal": {false, func(p *changeable, _ *model.Server) {
			verify := p.verify
			p.verify = func(ctx context.Context, c selfservice.Credential) error {
				if verify(ctx, c) != nil {
					return selfservice.ErrInvalidClient
				}
				return nil
			}
		}, `Verify: a request that could not be sent is taken for "selfservice: the server does not accept the credential"`},
		"an error is swallowed": {false, func(p *changeable, _ *model.Server) {
			verify := p.verify
			p.verify = func(ctx context.Context, c selfservice.Credential) error {
				if err := verify(ctx, c); errors.Is(err, selfservice.ErrInvalidClient) || ctx.Err() != nil {
					return err
				}
				return nil
			}
		}, "Verify: it succeeds with a request that could not be sent"},
		"the context is not heeded": {false, func(p *changeable, _ *model.Server) {
			verify := p.verify
			p.verify = func(ctx context.Context, c selfservice.Credential) error {
				return verify(context.WithoutCancel(ctx), c)
			}
		}, "Verify: it succeeds with a context that has ended"},
		"a panic": {false, func(p *changeable, _ *model.Server) {
			p.list = func(context.Context, selfservice.Credential) ([]selfservice.Registration, error) {
				panic("with a secret")
			}
		}, "List: it panics"},
		"a secret is told": {true, func(p *changeable, _ *model.Server) {
			p.list = func(context.Context, selfservice.Credential) ([]selfservice.Registration, error) {
				return nil, errors.New("not with " + madeByHand)
			}
		}, "List: its error holds a secret"},
		"a list fails": {false, func(p *changeable, _ *model.Server) {
			p.list = func(context.Context, selfservice.Credential) ([]selfservice.Registration, error) {
				return nil, errOther
			}
		}, "List: as a credential that the server accepts: another error"},
		"a list that is refused to strangers in other words": {false, func(p *changeable, _ *model.Server) {
			list := p.list
			p.list = func(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
				all, err := list(ctx, as)
				if err != nil {
					err = errOther
				}
				return all, err
			}
		}, "List: as a credential that the server does not know: not ErrInvalidClient: another error"},
		"a list that cannot be had is a refusal": {false, func(p *changeable, _ *model.Server) {
			list := p.list
			p.list = func(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
				all, err := list(ctx, as)
				if err != nil {
					err = selfservice.ErrInvalidClient
				}
				return all, err
			}
		}, `List: a request that could not be sent is taken for "selfservice: the server does not accept the credential"`},
		"a list of others": {false, func(p *changeable, _ *model.Server) {
			list := p.list
			p.list = func(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
				all, err := list(ctx, as)
				for i := range all {
					all[i].Fingerprint = "of another credential"
				}
				return all, err
			}
		}, "List: it leaves out a credential that is registered, or shows it as inactive"},
		"a list without the new one": {false, func(p *changeable, _ *model.Server) {
			var next string
			register := p.register
			p.register = func(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
				next = c.Fingerprint()
				return register(ctx, as, c)
			}
			p.list = without(p.list, func(r selfservice.Registration) bool { return r.Fingerprint == next })
		}, "List: it leaves out what was registered, or shows it as inactive"},
		"nothing is registered": {false, func(p *changeable, _ *model.Server) {
			p.register = func(context.Context, selfservice.Credential, selfservice.Credential) (selfservice.Registration, error) {
				return selfservice.Registration{}, errOther
			}
		}, "Register: no rotation comes of it: another error"},
		"the registration of another": {false, func(p *changeable, _ *model.Server) {
			register := p.register
			p.register = func(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
				reg, err := register(ctx, as, c)
				reg.Fingerprint = as.Fingerprint()
				return reg, err
			}
		}, "Register: it returns the registration of another credential"},
		"the old one is ended at once": {false, func(p *changeable, s *model.Server) {
			register := p.register
			p.register = func(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
				reg, err := register(ctx, as, c)
				s.Expire(as.Fingerprint(), time.Now())
				return reg, err
			}
		}, "Register: the active credential is not accepted any more"},
		"a second one is registered": {false, func(p *changeable, s *model.Server) {
			register := p.register
			p.register = func(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
				if other, err := keys.Generate(keys.ES256); err == nil {
					register(ctx, as, selfservice.Credential{Key: other})
				}
				return register(ctx, as, c)
			}
		}, "Register: 2 credentials were registered, want 1"},
		"one that was there before is issued": {true, func(p *changeable, _ *model.Server) {
			p.issue = func(_ context.Context, as selfservice.Credential, _ []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error) {
				return as, selfservice.Registration{}, nil
			}
		}, "Issue: it returns a credential that was there before"},
		"none is issued": {true, func(p *changeable, _ *model.Server) {
			p.issue = func(context.Context, selfservice.Credential, []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error) {
				return selfservice.Credential{}, selfservice.Registration{}, nil
			}
		}, "Issue: it succeeds without a credential"},
		"another one is issued each time": {true, func(p *changeable, s *model.Server) {
			issue := p.issue
			p.issue = func(ctx context.Context, as selfservice.Credential, _ []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error) {
				all, err := p.list(ctx, as)
				if err != nil {
					return selfservice.Credential{}, selfservice.Registration{}, err
				}
				return issue(ctx, as, all)
			}
		}, "Issue: it makes another one when the reply was lost"},
		"none can be turned off":   {false, func(p *changeable, _ *model.Server) { p.deactivate = fails }, "Deactivate: an old credential: another error"},
		"turning off does nothing": {false, func(p *changeable, _ *model.Server) { p.deactivate = nothing }, "Deactivate: the server accepts the credential 15m0s later"},
		"turning off ends another": {false, func(p *changeable, s *model.Server) { p.deactivate = ends(s, p.deactivate) }, "Deactivate: the active credential is not accepted any more"},
		"turning off twice":        {false, func(p *changeable, _ *model.Server) { p.deactivate = once(p.deactivate) }, "Deactivate: one that is off already: another error"},
		"none can be turned on":    {false, func(p *changeable, _ *model.Server) { p.activate = fails }, "Activate: one that is off: another error"},
		"turning on does nothing":  {false, func(p *changeable, _ *model.Server) { p.activate = nothing }, "Activate: the server does not accept it 15m0s later"},
		"turning on twice":         {false, func(p *changeable, _ *model.Server) { p.activate = once(p.activate) }, "Activate: one that is on already: another error"},
		"none can be removed":      {false, func(p *changeable, _ *model.Server) { p.remove = fails }, "Remove: an old credential: another error"},
		"removing does nothing":    {true, func(p *changeable, _ *model.Server) { p.remove = nothing }, "List: it shows what was removed"},
		"removing ends another":    {false, func(p *changeable, s *model.Server) { p.remove = ends(s, p.remove) }, "Remove: the active credential is not accepted any more"},
		"removing twice":           {false, func(p *changeable, _ *model.Server) { p.remove = once(p.remove) }, "Remove: one that is gone: another error"},
		"none can be purged":       {false, func(p *changeable, _ *model.Server) { p.purged = fails }, "Purge: what was removed: another error"},
		"purging ends another":     {false, func(p *changeable, s *model.Server) { p.purged = ends(s, p.purged) }, "Purge: the active credential is not accepted any more"},
		"one that is gone is asked of": {false, func(p *changeable, s *model.Server) {
			deactivate := p.deactivate
			p.deactivate = func(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
				if !s.Knows(r.Fingerprint) && s.Count() == 1 {
					return errOther
				}
				return deactivate(ctx, as, r)
			}
		}, "Deactivate: one that is gone: another error"},
	} {
		t.Run(name, func(t *testing.T) {
			found := broken(t, c.issuer, c.change)
			require.NotEmpty(t, found)
			assert.Equal(t, strings.ReplaceAll(c.want, "%!v(<nil>)", "<nil>"), found[0])
		})
	}
}

// TestAProviderThatCannotRotate has neither Register nor Issue; the Rotator says so.
func TestAProviderThatCannotRotate(t *testing.T) {
	server, first := &model.Server{}, selfservice.Credential{Key: keystest.Key(t, keys.ES256)}
	server.Adopt(first)
	synctest.Test(t, func(t *testing.T) {
		found := breaches(t.Context(), &Target{First: first, Accepts: server.Accepts, Provider: func(io *IO) selfservice.Provider {
			return good(server, io)
		}})
		assert.Equal(t, []string{"Adopt: selfservice: invalid configuration: the provider can neither register nor issue credentials"}, found)
	})
}
