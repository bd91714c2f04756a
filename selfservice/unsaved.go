package selfservice

import (
	"context"
	"errors"
	"time"
)

// unsaved returns err, with which the store refused to hold what p has come to.
// The server has moved on all the same: a secret that it issued nobody else has,
// and a credential that has just been registered or proved may be all that it
// accepts.
func (r *Rotator) unsaved(ctx context.Context, before, s *state, p plan, m rules, err error) error {
	conflict := errors.Is(err, ErrConflict)
	if p.do == issue && conflict {
		return errors.Join(err, r.keep(ctx, s.Pending, m))
	}
	if p.do == issue {
		r.issued = s.Pending.clone()
	}
	next := s.Active
	if s.Pending != nil && !s.Pending.Registered.IsZero() {
		next = s.Pending
	}
	if !conflict && next.Credential.Fingerprint() != before.Active.Credential.Fingerprint() {
		r.standIn(ctx, before, next)
	}
	return err
}

// keep saves what the server issued to a replica that has overslept its lease.
func (r *Rotator) keep(ctx context.Context, issued *entry, m rules) error {
	s, err := r.read(ctx)
	if err != nil || s.holds(issued.Credential) {
		return err
	}
	s = s.clone()
	s.keep(issued, time.Now().Round(0), m)
	return r.save(ctx, s)
}

// standIn serves the credential of e from memory if the server accepts that one
// and refuses the active one.
func (r *Rotator) standIn(ctx context.Context, stored *state, e *entry) {
	if r.accepted(ctx, e) == nil && errors.Is(r.accepted(ctx, stored.Active), ErrInvalidClient) {
		r.stands.Store(&standIn{e.Credential, stored.version})
	}
}
