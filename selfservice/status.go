package selfservice

import (
	"context"
	"time"
)

// Status says where a rotation stands. It holds no secret.
type Status struct {
	Client    string             `json:"client,omitempty"` // Rotator.Name
	Active    CredentialStatus   `json:"active"`
	Pending   *CredentialStatus  `json:"pending,omitempty"` // nil: no rotation is under way
	Retiring  []CredentialStatus `json:"retiring,omitempty"`
	Rotations int                `json:"rotations"`     // switches since the first credential was adopted
	Due       time.Time          `json:"due,omitzero"`  // when the active credential will be replaced; zero: never
	Next      time.Time          `json:"next,omitzero"` // when the next step is to be made

	// The steps of this Rotator, since its process started.
	LastSuccess time.Time `json:"lastSuccess,omitzero"` // of a step, also of one with nothing to do
	LastFailure time.Time `json:"lastFailure,omitzero"`
	Failures    int       `json:"failures,omitempty"` // in a row, up to now
	Cause       string    `json:"cause,omitempty"`    // of the last of them, in the server's own words where it gave any; empty after a success
}

// CredentialStatus is one credential of a [Status].
type CredentialStatus struct {
	Fingerprint string    `json:"fingerprint"`   // as [Credential.Fingerprint] gives it; empty while the server is to make it
	KeyID       string    `json:"kid,omitempty"` // of a key
	ID          string    `json:"id,omitempty"`  // the server's name for it
	Made        time.Time `json:"made,omitzero"`
	Registered  time.Time `json:"registered,omitzero"` // zero: not known to be
	Expires     time.Time `json:"expires,omitzero"`    // zero: never, or the server does not tell
	Until       time.Time `json:"until,omitzero"`      // end of the overlap of a retiring one
}

// Status reads the store and returns where the rotation stands. It does not call
// the server.
func (r *Rotator) Status(ctx context.Context) (Status, error) {
	if err := r.check(); err != nil {
		return Status{}, err
	}
	s, err := r.read(ctx)
	if err != nil {
		return Status{}, err
	}
	now := time.Now().Round(0)
	st := Status{Client: r.Name, Active: s.Active.status(), Rotations: s.Rotations, Due: r.Timing.due(s)}
	if p := s.next(now, r.rules()); p.do != idle {
		st.Next = now
	} else {
		st.Next = p.at
	}
	if s.Pending != nil {
		p := s.Pending.status()
		st.Pending = &p
	}
	if n := r.record.Load(); n != nil {
		st.LastSuccess, st.LastFailure, st.Failures, st.Cause = n.success, n.failure, n.failures, n.cause
	}
	for _, e := range s.Retiring {
		st.Retiring = append(st.Retiring, e.status())
	}
	return st, nil
}

func (e *entry) status() CredentialStatus {
	return CredentialStatus{
		Fingerprint: e.Credential.Fingerprint(), KeyID: e.Credential.KeyID(), ID: e.Registration.ID,
		Made: e.Made, Registered: e.Registered, Expires: e.Registration.Expires, Until: e.Until,
	}
}
