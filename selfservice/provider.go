package selfservice

import (
	"context"
	"time"
)

// Provider speaks for one client at one authorization server. Each call names
// the credential to authenticate with, so that the engine can carry on with
// another when the active one is refused. A provider that works as an
// administrator ignores it.
//
// Besides these two methods a provider implements [Registrar] or [Issuer], and
// may implement [Switch], [Remover], [Purger], [Adopter], [Independent],
// [Propagator], [Expirer], [Checker] and [Located]. Calls are idempotent: any
// may be repeated, and one that failed may have taken effect.
//
// An error must wrap [ErrInvalidClient] when the server does not accept the
// credential that the call authenticated with, and [ErrLimit] when it has no
// room for another. It has a method RetryAfter() time.Duration when the server
// said how long to wait. [CallError] does all three. Errors hold no secret, token
// or body.
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
// gone is no error. Without it the server may accept an old credential for as long
// as it likes, and [Event] says so when the Rotator forgets it.
type Remover interface {
	Remove(ctx context.Context, as Credential, r Registration) error
}

// Purger is a [Remover] whose server has nodes that may go on accepting what
// another node has removed. Purge puts an end to that. It is called once the
// removal has had the time to propagate that a new credential has ([Propagator]),
// and never if that is zero.
type Purger interface {
	Purge(ctx context.Context, as Credential, r Registration) error
}

// Adopter is a Provider that takes only one kind of credential, or registers it
// under a name of its own. Adopted converts what is given to [Rotator.Adopt], and
// what is made for a rotation, into the form that the server takes, such as a
// key with the kid it is found by. It refuses what the server can never accept, a
// secret where it wants a key: that with the error of [OnlyKeys] or [OnlySecrets],
// by which the Rotator knows a store of the wrong kind. It does no I/O.
type Adopter interface {
	Adopted(c Credential) (Credential, error)
}

// Independent is a Provider that can work without any credential of the client:
// as an administrator, or with a registration access token. When the server
// refuses everything in the store, the Rotator then starts over, or takes over a
// secret that a person had the server make. Without it the Rotator waits for that
// person, with [ErrLockedOut].
type Independent interface {
	Independent() bool
}

// Propagator is a Provider that knows how long a new credential may take to
// propagate to every node of the server: an upper bound, zero for a server of
// one node or one database. Until then one success proves nothing, since one
// node answered: the [Rotator] switches only after every Verify has succeeded for
// at least that long. Verify should reach different nodes, by opening a new
// connection for each call. Timing.Propagation overrides it.
type Propagator interface {
	Propagation() time.Duration
}

// Expirer is a Provider whose server expires credentials and reports when, or
// that one has no expiry. [Rotator.Ready] then wants it to have said so in a day.
type Expirer interface {
	Expires() bool
}

// Checker is a Provider that can find out, without changing anything, whether a
// rotation would work: that the client or its administrator has the rights, and
// that a second credential fits beside the active one. See [Rotator.Check].
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
