package selfservice

import (
	"context"
	"errors"
)

// Enroll is [Rotator.Adopt] for a credential that nobody has tried yet: it goes
// into an empty store only once the server has accepted it. When the store has
// a credential it does what Adopt does, and asks nothing of the server.
func (r *Rotator) Enroll(ctx context.Context, c Credential) (err error) {
	defer guard(&err, "the provider")
	if err := errors.Join(r.check(), c.check()); err != nil {
		return err
	}
	_, err = r.read(ctx)
	switch {
	case err == nil:
		return r.Adopt(ctx, c)
	case !errors.Is(err, ErrNotAdopted):
		return err
	}
	if a, ok := r.Provider.(Adopter); ok {
		if c, err = a.Adopted(c); err != nil {
			return err
		}
	}
	if r.Provider != nil {
		if err := r.call(ctx, "Provider.Verify", func(ctx context.Context) error { return r.Provider.Verify(ctx, c) }); err != nil {
			return err
		}
	}
	return r.Adopt(ctx, c)
}
