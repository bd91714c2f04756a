package selfservice

import (
	"errors"
	"time"
)

// rules are what decides besides the state: the caller's Timing and what the
// provider can do.
type rules struct {
	Timing
	nodes                                         time.Duration // see Timing.nodes
	issues, switches, removes, purges, unassisted bool          // unassisted: Independent
	owner                                         string        // of this replica
}

// action is one move of a rotation.
type action int

const (
	idle     action = iota // nothing to do before plan.at
	look                   // read what the server says of the credentials
	begin                  // make a new credential, or note what the server has before it makes one
	issue                  // have the server make it
	register               // register the pending one
	prove                  // get a token with the pending one
	turnOff                // deactivate a retiring one
	remove                 // delete a retiring one at the server
	purge                  // end what nodes have kept of a removed one
	rescue                 // the active one is refused: find one that is accepted
)

// plan is what to do now, or until when to do nothing. Entry is the retiring
// credential that the action is about.
type plan struct {
	do    action
	entry *entry
	at    time.Time // idle: zero for never
}

// sooner makes the plan end at t if it would end later.
func (p *plan) sooner(t time.Time) {
	if p.at.IsZero() || t.Before(p.at) {
		p.at = t
	}
}

// result is what became of an action.
type result int

const (
	failed    result = iota // nothing is known, or nothing was done
	done                    // prove and rescue: there is one that the server accepts
	full                    // issue, register: the server has no room
	refused                 // prove: not accepted, or not yet; rescue: none is
	forgotten               // prove: refused, and not among what the server lists
	alone                   // prove: accepted, and the active one is refused
	needed                  // turnOff: the active one does not work without it; it is on again, and works
	unable                  // turnOff, remove, purge, and the look before them: the server did not carry it out
)

// outcome is what an action has found out.
type outcome struct {
	result
	err          error          // why it is not done
	began        time.Time      // before the first call
	credential   Credential     // begin, issue, rescue: the new one
	registration Registration   // issue, register: of the new one
	list         []Registration // look, begin, prove: what the server lists
	lag          time.Duration  // prove: how long after its registration this process has seen it refused
	works        *entry         // rescue: the one that is accepted
}

// change is what an outcome has done to the state.
type change struct {
	save   bool      // the state has changed
	at     time.Time // when to look again
	err    error     // what the step returns
	events []Event   // to be told once it is saved
}

func (c *change) tell(kind EventKind, about Credential, err error) {
	c.events = append(c.events, Event{Kind: kind, Credential: about.Fingerprint(), Err: err})
}

// finish says that it is done, or what an error means.
func (o *outcome) finish(otherwise result) {
	if o.result = otherwise; o.err == nil {
		o.result = done
	}
}

// taken is finish for what needs room at the server.
func (o *outcome) taken() {
	if o.finish(failed); errors.Is(o.err, ErrLimit) {
		o.result = full
	}
}
