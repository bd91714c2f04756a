package selfservice

import (
	"context"
	"time"
)

// Provider is one client at one authorization server. Each call says as which
// credential it is made, so that the engine can go on with another one when
// the active one is refused; a provider that works as an administrator
// ignores it.
//
// Besides these two methods a provider has [Registrar] or [Issuer], and may
// have [Switch], [Remover], [Purger], [Adopter], [Independent],
// [Propagator], [Expirer], [Checker] and [Located]. Every call may be repeated,
// and may have been carried out although it failed.
//
// Errors: one that errors.Is [ErrInvalidClient] when the server does not accept the
// credential that the call was made with; [ErrLimit] when there is no room for
// another one; with a method RetryAfter() time.Duration when the server said
// how long to wait. [CallError] says all three. No error holds a secret, a
// token or a body.
type Provider interface {
	// Verify gets a real, fresh token with exactly c.
	Verify(ctx context.Context, c Credential) error

	// List returns what is registered for the client, whoever registered it.
	List(ctx context.Context, as Credential) ([]Registration, error)
}

// Registrar is a Provider that takes credentials made here.
type Registrar interface {
	// Register makes the server accept c beside what it accepts already,
	// where it can. The engine lists first, and calls it again after a lost
	// reply only if c is not listed.
	Register(ctx context.Context, as, c Credential) (Registration, error)
}

// Issuer is a Provider whose credentials only the server can make.
type Issuer interface {
	// Issue returns a credential that is not among before: what is stored and,
	// unless it is to end a lock-out, what List returned when the rotation
	// began; some may be there twice. A reply that was lost is found by
	// reading: when the server has such a credential already, Issue returns it
	// and makes none.
	Issue(ctx context.Context, as Credential, before []Registration) (Credential, Registration, error)
}

// Switch is a Provider that can turn a registration off and on again. Turning
// one off that is gone is no error.
type Switch interface {
	Activate(ctx context.Context, as Credential, r Registration) error
	Deactivate(ctx context.Context, as Credential, r Registration) error
}

// Remover is a Provider that can delete a registration. Removing one that is
// gone is no error.
type Remover interface {
	Remove(ctx context.Context, as Credential, r Registration) error
}

// Purger is a Remover of whose server some nodes may go on accepting what has
// been removed at another. Purge ends that; it is called as long after Remove
// as the nodes may take to learn of a new credential ([Propagator]), and not at
// all if that is no time.
type Purger interface {
	Purge(ctx context.Context, as Credential, r Registration) error
}

// Adopter is a Provider that takes credentials of one kind, or under a name of
// its own: Adopted returns what is given to [Rotator.Adopt], and what is made
// for a rotation, in the form that the server takes, such as a key under the kid
// by which it is found. It refuses what the server can never take: a secret
// where it wants a key. It asks nothing of the server.
type Adopter interface {
	Adopted(c Credential) (Credential, error)
}

// Independent is a Provider that may do without a credential that the server
// accepts: it works as an administrator, or with a registration access token.
// When the server refuses all that is stored, the Rotator then begins again, or
// takes over a secret that a person had the server make, instead of waiting
// for that person with [ErrLockedOut].
type Independent interface {
	Independent() bool
}

// Propagator is a Provider that knows how long the nodes of its server may take
// to learn of a new credential, one after the other: an upper bound, zero for a
// server of one node or one database. One success is then no proof, since it
// was one node's: the Rotator switches only after the credential has been
// accepted by every Verify over at least that long. Verify should not stay with
// one node: a connection of its own for each call reaches the others.
// Timing.Propagation overrides it.
type Propagator interface {
	Propagation() time.Duration
}

// Expirer is a Provider whose server ends credentials by their age and tells
// when: [Rotator.Ready] then takes one without an expiry for a fault.
type Expirer interface {
	Expires() bool
}

// Checker is a Provider that can find out, without changing anything, whether
// a rotation would work: that the client, or its administrator, has the rights,
// and that there can be a credential beside the active one. See [Rotator.Check].
type Checker interface {
	Check(ctx context.Context, as Credential) error
}

// Registration is a credential as the server sees it.
type Registration struct {
	ID          string    `json:"id,omitempty"`          // the server's name for it; may be empty
	KeyID       string    `json:"kid,omitempty"`         // "kid" of a key
	Fingerprint string    `json:"fingerprint,omitempty"` // as Credential.Fingerprint gives it; empty when the server does not tell
	Inactive    bool      `json:"inactive,omitempty"`    // registered, but not accepted
	Created     time.Time `json:"created,omitzero"`      // zero: not told
	Expires     time.Time `json:"expires,omitzero"`      // zero: never, or not told
	UsableFrom  time.Time `json:"usableFrom,omitzero"`   // not before this do all servers know it; zero: at once
}

// storable returns r without dates that JSON cannot hold (a server that
// counts in milliseconds where seconds are due, say): not told.
func (r Registration) storable() Registration {
	for _, t := range []*time.Time{&r.Created, &r.Expires, &r.UsableFrom} {
		if y := t.UTC().Year(); y < 1 || y > 9998 {
			*t = time.Time{}
		}
	}
	return r
}

// Matches reports whether r is the registration of c: by fingerprint, and by kid
// only where the server tells no fingerprint.
func (r Registration) Matches(c Credential) bool {
	if r.Fingerprint != "" {
		return r.Fingerprint == c.Fingerprint()
	}
	return r.KeyID != "" && r.KeyID == c.KeyID()
}
