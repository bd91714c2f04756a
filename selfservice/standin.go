package selfservice

import (
	"context"
	"errors"
)

// standIn is a credential that is served in place of the active one, which the
// server refuses, while the store that should say so cannot be written. It
// stands in for one version of the stored state only.
type standIn struct {
	credential Credential
	version    string
}

// standIn returns err, with which a save has failed. It serves the credential of
// e from memory if the server accepts that one and refuses the active one.
func (r *Rotator) standIn(ctx context.Context, s *state, e *entry, err error) error {
	if !errors.Is(err, ErrConflict) && r.accepted(ctx, e) == nil && errors.Is(r.accepted(ctx, s.Active), ErrRefused) {
		r.stands.Store(&standIn{e.Credential, s.version})
	}
	return err
}

// active is the credential to use now.
func (r *Rotator) active(s *state) Credential {
	if c := r.stands.Load(); c != nil && c.version == s.version {
		return c.credential
	}
	return s.Active.Credential
}
