package selfservice_test

import (
	"context"
	"time"

	"github.com/nokkel/nokkel/selfservice"
)

// hookedProvider is a Registrar that passes its calls through its hooks, if it
// has them.
type hookedProvider struct {
	selfservice.Provider
	report       func(*selfservice.Registration) // alters what the server reports
	listsNothing bool
	server       func() string
	expires      bool
	check        error
	remove       func(selfservice.Registration) error // before a removal, which an error prevents
	purge        func(selfservice.Registration) error
}

func (p *hookedProvider) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	if p.listsNothing {
		return nil, nil
	}
	list, err := p.Provider.List(ctx, as)
	for i := range list {
		p.reported(&list[i])
	}
	return list, err
}

func (p *hookedProvider) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	reg, err := p.Provider.(selfservice.Registrar).Register(ctx, as, c)
	p.reported(&reg)
	return reg, err
}

func (p *hookedProvider) reported(r *selfservice.Registration) {
	if p.report != nil {
		p.report(r)
	}
}

func (p *hookedProvider) Server() string {
	if p.server == nil {
		return ""
	}
	return p.server()
}

func (p *hookedProvider) Expires() bool                                       { return p.expires }
func (p *hookedProvider) Check(context.Context, selfservice.Credential) error { return p.check }

// removing is a hookedProvider that is also a Remover.
type removing struct{ *hookedProvider }

func (p removing) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	if p.remove != nil {
		if err := p.remove(r); err != nil {
			return err
		}
	}
	return p.Provider.(selfservice.Remover).Remove(ctx, as, r)
}

// purging is also a Purger, of a server that propagates a change in a minute.
type purging struct{ removing }

func (p purging) Propagation() time.Duration { return time.Minute }

func (p purging) Purge(_ context.Context, _ selfservice.Credential, r selfservice.Registration) error {
	return p.purge(r)
}
