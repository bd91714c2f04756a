package selfservice

import (
	"slices"
	"time"
)

// state is what the store holds: every credential that the server may accept,
// and how far each has come.
type state struct {
	Active    *entry   // signs now
	Pending   *entry   // will sign next
	Retiring  []*entry // signed before; oldest first
	Rotations int      // switches so far
	Serial    int      // counts the saves
	Lineage   string   // of all that began with one Adopt
	Saves     string   // names of the last saves, see forked
	Lease     lease

	version  string // of the store; "" before the first save
	restored bool   // in part from memory, see restore and rejoin
}

// entry is one credential on its way through a rotation.
type entry struct {
	Credential   Credential
	Registration Registration
	Made         time.Time      // made or adopted
	Before       []Registration // what was registered before the server was asked to issue; Credential is still zero then
	Registered   time.Time      // zero: the server is not known to have it
	Lag          time.Duration  // how long after Registered it was refused still
	Proved       time.Time      // pending: accepted at every try since; zero: not yet
	Since        time.Time      // became active
	Until        time.Time      // retiring: the end of the overlap
	Off          bool           // retiring: deactivated, and the active one verified since
	Removed      bool           // retiring: at the server, some of whose nodes may accept it still
	Stuck        bool           // retiring: the server did not carry out what ends it
	Checked      time.Time      // Registration was read from the server
}

// lease says which replica moves the rotation on. It is no lock: a holder that
// oversleeps finds its next save refused, and every remote step may be
// repeated. It keeps replicas from doing the same work twice.
type lease struct {
	Owner string    `json:"owner,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// heldByOther reports whether another than owner holds the lease. A lease that
// ends later than any replica could have said comes from a clock that was
// stepped and does not count.
func (c lease) heldByOther(owner string, now time.Time, length time.Duration) bool {
	return c.Owner != "" && c.Owner != owner && now.Before(c.Until) && c.Until.Sub(now) <= 2*length
}

// clone returns a copy that can be changed. Credentials and the lists in
// entries are shared; nothing changes those in place.
func (s *state) clone() *state {
	c := *s
	c.Active, c.Pending = s.Active.clone(), s.Pending.clone()
	c.Retiring = nil
	for _, e := range s.Retiring {
		c.Retiring = append(c.Retiring, e.clone())
	}
	return &c
}

func (e *entry) clone() *entry {
	if e == nil {
		return nil
	}
	c := *e
	return &c
}

// holds reports whether c is one of the credentials.
func (s *state) holds(c Credential) bool {
	return slices.ContainsFunc(s.entries(), func(e *entry) bool { return e.Credential.Fingerprint() == c.Fingerprint() })
}

// entries returns all of them: active, pending, then retiring, newest first.
func (s *state) entries() []*entry {
	var all []*entry
	for _, e := range []*entry{s.Active, s.Pending} {
		if e != nil {
			all = append(all, e)
		}
	}
	for _, e := range slices.Backward(s.Retiring) {
		all = append(all, e)
	}
	return all
}

// drop takes a retiring credential out.
func (s *state) drop(old *entry) {
	s.Retiring = slices.DeleteFunc(s.Retiring, func(e *entry) bool { return e == old })
}

// earliest returns the retiring one that is over before the others, of those
// that are stuck or of the others; nil if there is none.
func (s *state) earliest(stuck bool) (first *entry) {
	for _, e := range s.Retiring {
		if e.Stuck == stuck && (first == nil || e.Until.Before(first.Until)) {
			first = e
		}
	}
	return first
}

// listed reports whether the server has been seen to have the credential, with
// what it says of its expiry.
func (e *entry) listed() bool {
	return !e.Checked.IsZero() && e.Registration.Matches(e.Credential)
}

// registration is what the provider needs to find the credential, also when
// the server never told of it.
func (e *entry) registration() Registration {
	reg := e.Registration
	if reg.Fingerprint == "" {
		reg.Fingerprint = e.Credential.Fingerprint()
	}
	if reg.KeyID == "" {
		reg.KeyID = e.Credential.KeyID()
	}
	return reg
}
