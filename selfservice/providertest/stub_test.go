package providertest

import (
	"context"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
)

// stub is a provider whose calls a test replaces one by one.
type stub struct {
	verify                              func(context.Context, selfservice.Credential) error
	list                                func(context.Context, selfservice.Credential) ([]selfservice.Registration, error)
	register                            func(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error)
	issue                               func(ctx context.Context, as selfservice.Credential, before []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error)
	activate, deactivate, remove, purge retire
}

// retire is a call that changes a registration.
type retire = func(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error

func (p *stub) Verify(ctx context.Context, c selfservice.Credential) error { return p.verify(ctx, c) }

func (p *stub) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	return p.list(ctx, as)
}

func (p *stub) Activate(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return p.activate(ctx, as, r)
}

func (p *stub) Deactivate(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return p.deactivate(ctx, as, r)
}

func (p *stub) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return p.remove(ctx, as, r)
}

func (p *stub) Purge(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return p.purge(ctx, as, r)
}

// A stub as a Registrar, and as an Issuer.
type (
	registrar struct{ *stub }
	issuer    struct{ *stub }
)

func (p registrar) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	return p.register(ctx, as, c)
}

func (p issuer) Issue(ctx context.Context, as selfservice.Credential, before []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error) {
	return p.issue(ctx, as, before)
}

// newStub returns a provider that keeps the contract.
func newStub(server *model.Server, io *IO) *stub {
	full := server.Full(io.Do)
	p := &stub{verify: full.Verify, list: full.List, purge: nothing}
	p.register = full.(selfservice.Registrar).Register
	p.issue = server.FullIssuer(io.Do).(selfservice.Issuer).Issue
	p.activate, p.deactivate = full.(selfservice.Switch).Activate, full.(selfservice.Switch).Deactivate
	p.remove = full.(selfservice.Remover).Remove
	return p
}

func nothing(context.Context, selfservice.Credential, selfservice.Registration) error { return nil }

func fails(context.Context, selfservice.Credential, selfservice.Registration) error { return errOther }

// once makes a call fail from the second time on.
func once(call retire) retire {
	n := 0
	return func(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
		if n++; n > 1 {
			return errOther
		}
		return call(ctx, as, r)
	}
}

// endsActive makes a call end the credential that it is made with.
func endsActive(s *model.Server, call retire) retire {
	return func(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
		defer s.Expire(as.Fingerprint(), time.Now())
		return call(ctx, as, r)
	}
}

// afterVerify replaces the error of Verify.
func (p *stub) afterVerify(f func(ctx context.Context, err error) error) {
	verify := p.verify
	p.verify = func(ctx context.Context, c selfservice.Credential) error { return f(ctx, verify(ctx, c)) }
}

// afterList replaces what List returns.
func (p *stub) afterList(f func(all []selfservice.Registration, err error) ([]selfservice.Registration, error)) {
	list := p.list
	p.list = func(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
		return f(list(ctx, as))
	}
}

// afterRegister lets f change what Register returns, or the server.
func (p *stub) afterRegister(f func(as selfservice.Credential, reg *selfservice.Registration)) {
	register := p.register
	p.register = func(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
		reg, err := register(ctx, as, c)
		f(as, &reg)
		return reg, err
	}
}

// registersTwo makes Register add a key of its own to the one it is given.
func registersTwo(p *stub, _ *model.Server) {
	register := p.register
	p.register = func(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
		if other, err := keys.Generate(keys.ES256); err == nil {
			register(ctx, as, selfservice.Credential{Key: other})
		}
		return register(ctx, as, c)
	}
}

// replacesAtOnce makes Register end the active credential.
func replacesAtOnce(p *stub, s *model.Server) {
	p.afterRegister(func(as selfservice.Credential, _ *selfservice.Registration) { s.Expire(as.Fingerprint(), time.Now()) })
}
