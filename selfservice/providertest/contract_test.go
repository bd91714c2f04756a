package providertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const madeByHand = "the first secret, registered by hand"

var errOther = errors.New("another error")

// breachesOf returns what the contract says of a stub that change has changed.
func breachesOf(t *testing.T, issues bool, change func(*stub, *model.Server)) (found []string) {
	key := keystest.Key(t, keys.ES256)
	synctest.Test(t, func(t *testing.T) {
		server, first := &model.Server{}, selfservice.Credential{Key: key}
		if issues {
			first = selfservice.Credential{Secret: keys.NewSecret(madeByHand)}
		}
		server.Adopt(first)
		found = breaches(t.Context(), &Target{
			First: first, Accepts: server.Accepts, Registered: server.Registered, Gone: true,
			Provider: func(io *IO) selfservice.Provider {
				p := newStub(server, io)
				change(p, server)
				if issues {
					return issuer{p}
				}
				return registrar{p}
			},
		})
	})
	return found
}

func TestProviderThatKeepsTheContract(t *testing.T) {
	for _, issues := range []bool{false, true} {
		assert.Empty(t, breachesOf(t, issues, func(*stub, *model.Server) {}))
	}
}

// TestEveryBreachIsNamed has a row for what each call can do wrong.
func TestEveryBreachIsNamed(t *testing.T) {
	type regs = []selfservice.Registration
	for name, c := range map[string]struct {
		issues bool
		change func(*stub, *model.Server)
		want   string
	}{
		"a refusal is another error": {false, func(p *stub, _ *model.Server) {
			p.afterVerify(func(_ context.Context, err error) error {
				if err != nil {
					return errOther
				}
				return nil
			})
		}, "Verify: a credential that the server does not know is not ErrInvalidClient: another error"},
		"everything is accepted": {false, func(p *stub, _ *model.Server) {
			p.afterVerify(func(context.Context, error) error { return nil })
		}, "Verify: a credential that the server does not know is not ErrInvalidClient: <nil>"},
		"nothing is accepted": {false, func(p *stub, _ *model.Server) {
			p.afterVerify(func(context.Context, error) error { return selfservice.ErrInvalidClient })
		}, "Verify: a credential that the server accepts: selfservice: the server does not accept the credential"},
		"nothing is accepted after a refusal": {false, func(p *stub, _ *model.Server) {
			refused := false
			p.afterVerify(func(_ context.Context, err error) error {
				if refused = refused || err != nil; refused {
					return selfservice.ErrInvalidClient
				}
				return nil
			})
		}, "Verify: a credential that the server accepts, after one that it does not: selfservice: the server does not accept the credential"},
		"every failure is a refusal": {false, func(p *stub, _ *model.Server) {
			p.afterVerify(func(_ context.Context, err error) error {
				if err != nil {
					return selfservice.ErrInvalidClient
				}
				return nil
			})
		}, `Verify: a request that could not be sent is taken for "selfservice: the server does not accept the credential"`},
		"an error is swallowed": {false, func(p *stub, _ *model.Server) {
			p.afterVerify(func(ctx context.Context, err error) error {
				if errors.Is(err, selfservice.ErrInvalidClient) || ctx.Err() != nil {
					return err
				}
				return nil
			})
		}, "Verify: it succeeds with a request that could not be sent"},
		"the context is ignored": {false, func(p *stub, _ *model.Server) {
			verify := p.verify
			p.verify = func(ctx context.Context, c selfservice.Credential) error {
				return verify(context.WithoutCancel(ctx), c)
			}
		}, "Verify: it succeeds with a context that has ended"},
		"a panic": {false, func(p *stub, _ *model.Server) {
			p.afterList(func(regs, error) (regs, error) { panic("with a secret") })
		}, "List: it panics"},
		"a secret in an error": {true, func(p *stub, _ *model.Server) {
			p.afterList(func(regs, error) (regs, error) { return nil, errors.New("not with " + madeByHand) })
		}, "List: its error holds a secret"},
		"List fails": {false, func(p *stub, _ *model.Server) {
			p.afterList(func(regs, error) (regs, error) { return nil, errOther })
		}, "List: as a credential that the server accepts: another error"},
		"List refuses with another error": {false, func(p *stub, _ *model.Server) {
			p.afterList(func(all regs, err error) (regs, error) {
				if err != nil {
					err = errOther
				}
				return all, err
			})
		}, "List: as a credential that the server does not know: not ErrInvalidClient: another error"},
		"every failure of List is a refusal": {false, func(p *stub, _ *model.Server) {
			p.afterList(func(all regs, err error) (regs, error) {
				if err != nil {
					err = selfservice.ErrInvalidClient
				}
				return all, err
			})
		}, `List: a request that could not be sent is taken for "selfservice: the server does not accept the credential"`},
		"List returns others": {false, func(p *stub, _ *model.Server) {
			p.afterList(func(all regs, err error) (regs, error) {
				for i := range all {
					all[i].Fingerprint = "of another credential"
				}
				return all, err
			})
		}, "List: it leaves out a credential that is registered, or shows it as inactive"},
		"List leaves out the new one": {false, func(p *stub, _ *model.Server) {
			var next string
			p.afterRegister(func(_ selfservice.Credential, reg *selfservice.Registration) { next = reg.Fingerprint })
			p.afterList(func(all regs, err error) (regs, error) {
				return slices.DeleteFunc(all, func(r selfservice.Registration) bool { return r.Fingerprint == next }), err
			})
		}, "List: it leaves out what was registered, or shows it as inactive"},
		"nothing is registered": {false, func(p *stub, _ *model.Server) {
			p.register = func(context.Context, selfservice.Credential, selfservice.Credential) (selfservice.Registration, error) {
				return selfservice.Registration{}, errOther
			}
		}, "Register: no rotation comes of it: another error"},
		"the registration of another": {false, func(p *stub, _ *model.Server) {
			p.afterRegister(func(as selfservice.Credential, reg *selfservice.Registration) { reg.Fingerprint = as.Fingerprint() })
		}, "Register: it returns the registration of another credential"},
		"the active one is replaced": {false, replacesAtOnce, "Register: the active credential is not accepted any more"},
		"two are registered":         {false, registersTwo, "Register: 2 credentials were registered, want 1"},
		"the active one is issued": {true, func(p *stub, _ *model.Server) {
			p.issue = func(_ context.Context, as selfservice.Credential, _ []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error) {
				return as, selfservice.Registration{}, nil
			}
		}, "Issue: it returns a credential that was there before"},
		"none is issued": {true, func(p *stub, _ *model.Server) {
			p.issue = func(context.Context, selfservice.Credential, []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error) {
				return selfservice.Credential{}, selfservice.Registration{}, nil
			}
		}, "Issue: it succeeds without a credential"},
		"each call issues another one": {true, func(p *stub, s *model.Server) {
			issue := p.issue
			p.issue = func(ctx context.Context, as selfservice.Credential, _ []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error) {
				all, err := p.list(ctx, as)
				if err != nil {
					return selfservice.Credential{}, selfservice.Registration{}, err
				}
				return issue(ctx, as, all)
			}
		}, "Issue: it makes another one when the reply was lost"},
		"Deactivate fails":              {false, func(p *stub, _ *model.Server) { p.deactivate = fails }, "Deactivate: an old credential: another error"},
		"Deactivate does nothing":       {false, func(p *stub, _ *model.Server) { p.deactivate = nothing }, "Deactivate: the server accepts the credential 15m0s later"},
		"Deactivate ends another":       {false, func(p *stub, s *model.Server) { p.deactivate = endsActive(s, p.deactivate) }, "Deactivate: the active credential is not accepted any more"},
		"Deactivate cannot be repeated": {false, func(p *stub, _ *model.Server) { p.deactivate = once(p.deactivate) }, "Deactivate: one that is off already: another error"},
		"Activate fails":                {false, func(p *stub, _ *model.Server) { p.activate = fails }, "Activate: one that is off: another error"},
		"Activate does nothing":         {false, func(p *stub, _ *model.Server) { p.activate = nothing }, "Activate: the server does not accept it 15m0s later"},
		"Activate cannot be repeated":   {false, func(p *stub, _ *model.Server) { p.activate = once(p.activate) }, "Activate: one that is on already: another error"},
		"Remove fails":                  {false, func(p *stub, _ *model.Server) { p.remove = fails }, "Remove: an old credential: another error"},
		"Remove does nothing":           {true, func(p *stub, _ *model.Server) { p.remove = nothing }, "List: it shows what was removed"},
		"Remove ends another":           {false, func(p *stub, s *model.Server) { p.remove = endsActive(s, p.remove) }, "Remove: the active credential is not accepted any more"},
		"Remove cannot be repeated":     {false, func(p *stub, _ *model.Server) { p.remove = once(p.remove) }, "Remove: one that is gone: another error"},
		"Purge fails":                   {false, func(p *stub, _ *model.Server) { p.purge = fails }, "Purge: what was removed: another error"},
		"Purge ends another":            {false, func(p *stub, s *model.Server) { p.purge = endsActive(s, p.purge) }, "Purge: the active credential is not accepted any more"},
		"Deactivate fails after Remove": {false, func(p *stub, s *model.Server) {
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
			found := breachesOf(t, c.issues, c.change)
			require.NotEmpty(t, found)
			assert.Equal(t, c.want, found[0])
		})
	}
}

// TestProviderThatCannotRotate has neither Register nor Issue; Adopt refuses it.
func TestProviderThatCannotRotate(t *testing.T) {
	server, first := &model.Server{}, selfservice.Credential{Key: keystest.Key(t, keys.ES256)}
	server.Adopt(first)
	synctest.Test(t, func(t *testing.T) {
		found := breaches(t.Context(), &Target{First: first, Accepts: server.Accepts, Provider: func(io *IO) selfservice.Provider {
			return newStub(server, io)
		}})
		assert.Equal(t, []string{"Adopt: selfservice: invalid configuration: the provider can neither register nor issue credentials"}, found)
	})
}
