package selfservice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Ready returns nil while the client can authenticate and its rotation keeps up:
// call it from an alert. A readiness probe calls [Rotator.SigningKey] or
// [Rotator.ClientSecret], which fail where this replica cannot authenticate. What
// Ready reports, all replicas report at once, as a rule while requests succeed.
//
// Ready reads the store and does not call the server. Its errors are
//
//   - [ErrNotAdopted]: there is no credential;
//   - [ErrConfig]: no step can be made; the store holds the wrong kind of
//     credential, say;
//   - [ErrLockedOut]: the server refused all of them at the last step;
//   - [ErrExpired]: the active one has expired, by what the server said of it;
//   - [ErrOverdue]: it has not, but should have been replaced a day ago, or halfway
//     between then and its expiry; or the server, which reports expiries
//     ([Expirer]), has not said in a day whether it has one.
//
// A store that cannot be read is an error only if it has never been read: what is
// in memory is still served.
func (r *Rotator) Ready(ctx context.Context) (err error) {
	defer guard(&err, "the provider")
	if err := r.check(); err != nil {
		return err
	}
	s, err := r.read(ctx)
	if err != nil {
		if s = r.current.Load(); s == nil {
			return err
		}
	}
	if err := r.fits(s); err != nil {
		return err
	}
	if n := r.record.Load(); n != nil && n.lockedOut {
		return fmt.Errorf("%w at the last step: %s", ErrLockedOut, strings.TrimPrefix(n.cause, ErrLockedOut.Error()+": "))
	}
	now, due, expires := time.Now(), r.Timing.due(s), s.Active.Registration.Expires
	switch e, ok := r.Provider.(Expirer); {
	case !expires.IsZero() && !now.Before(expires):
		return fmt.Errorf("%w at %s", ErrExpired, expires.UTC().Format(time.RFC3339))
	case expires.IsZero() && ok && e.Expires() && !s.Active.listed() && now.Sub(s.Active.Since) > tolerated:
		return fmt.Errorf("%w, for all that is known: the server has not said in a day when it expires", ErrOverdue)
	case !due.IsZero() && now.Sub(due) > late(due, expires):
		return fmt.Errorf("%w: it was due at %s", ErrOverdue, due.UTC().Format(time.RFC3339))
	}
	return nil
}

// tolerated is how late a step may be: programs that are run from cron make it at
// night.
const tolerated = 24 * time.Hour

// late is how long after it was due a rotation must have been made.
func late(due, expires time.Time) time.Duration {
	if expires.IsZero() {
		return tolerated
	}
	return min(tolerated, expires.Sub(due)/2)
}

// Check finds out whether a rotation would work: that the store can be read and
// written, that the server accepts and lists the active credential, that the
// provider takes what New makes, which is dropped, and whatever else the provider
// can find out ([Checker]). It changes nothing but the version of what is stored.
// Call it at deployment, before Run. The error joins all that was found; a wrong
// clock shows in the server's refusal.
func (r *Rotator) Check(ctx context.Context) (err error) {
	defer guard(&err, "the provider")
	if err := r.check(); err != nil {
		return err
	}
	if err := r.lock(ctx); err != nil {
		return err
	}
	defer r.unlock()
	s, err := r.read(ctx)
	if err != nil {
		return err
	}
	s = s.clone()
	var found []error
	if err := r.save(ctx, s); err != nil && !errors.Is(err, ErrConflict) { // with a conflict another replica has just written it
		found = append(found, err)
	}
	if r.Provider == nil {
		return errors.Join(found...) // follows
	}
	if err := r.fits(s); err != nil {
		return errors.Join(append(found, err)...)
	}
	if err := r.accepted(ctx, s.Active); err != nil {
		return errors.Join(append(found, fmt.Errorf("selfservice: the active credential: %w", err))...)
	}
	list, err := r.list(ctx, s.Active.Credential)
	of := func(reg Registration) bool { return reg.Matches(s.Active.Credential) }
	switch {
	case err != nil:
		found = append(found, fmt.Errorf("selfservice: listing what is registered: %w", err))
	case len(list) > 0 && !slices.ContainsFunc(list, of):
		found = append(found, errors.New("selfservice: the active credential is accepted, but not among those that the server lists"))
	}
	if _, issues := r.Provider.(Issuer); r.New != nil && !issues && s.Pending == nil {
		_, err := r.make(ctx, s)
		found = append(found, err)
	}
	if c, ok := r.Provider.(Checker); ok {
		found = append(found, r.call(ctx, "Checker.Check", func(ctx context.Context) error { return c.Check(ctx, s.Active.Credential) }))
	}
	return errors.Join(found...)
}
