package selfservice

import (
	"errors"
	"time"
)

// This file is the rotation: which action is due (next), and what follows from
// each outcome of an action (apply). state.go has the states, action.go the
// actions and their outcomes, transition.go the cases of apply. None of them
// does any I/O, and nothing else changes a state. act.go carries the actions
// out, step.go saves what they changed.
//
//	            begin             issue, register           prove, over a time
//	 (active) ---------> pending -----------------> registered --------------+
//	               made, or wanted                       |  ^                |
//	               from the server              refused: |  | refused soon   |
//	                                           try again +--+ after a switch |
//	                                                        |                v
//	                  remove, purge     turnOff             |  the overlap  active
//	 (gone) <------------------------ off <-------- retiring <----- old one --+
//	                                   |               |
//	                                   +-- refused: ---+--> active again (rescue)
//
// Every change is saved before the next action, so that a process that dies
// goes on from here. The rules behind the transitions:
//
//   - A credential is saved before anything that depends on it leaves the process.
//   - A lost reply is resolved by reading: register looks first, issue is told
//     what was there before.
//   - What the server may accept stays in the state until it has been removed
//     there; what it refuses is set aside, not thrown away.
//   - Nothing is turned off or removed before its overlap is over and the
//     active credential has been accepted once more.

// next decides what a rotation does at now. What is over is cleared away
// first: a server with room for two credentials has none for a third. What
// could not be cleared away before comes last, or it would keep the rotation
// from its turn until the active credential expires.
func (s *state) next(now time.Time, m rules) plan {
	if p := s.tidy(now, m, false); p.do != idle {
		return p
	}
	p := s.advance(now, m)
	if p.do != idle {
		return p
	}
	if stuck := s.tidy(now, m, true); stuck.do != idle {
		return stuck
	}
	for _, e := range s.Retiring {
		p.sooner(e.Until)
	}
	return p
}

// tidy clears away one that is over, of those that are stuck or of the others.
func (s *state) tidy(now time.Time, m rules, stuck bool) plan {
	e := s.earliest(stuck)
	switch {
	case e == nil || now.Before(e.Until):
		return plan{}
	case e.Removed:
		return plan{do: purge, entry: e}
	case (m.switches || m.removes) && e.Registration.ID == "" && e.Checked.IsZero():
		return plan{do: look, entry: e} // it is turned off and removed under the name that the server has for it
	case m.switches && !e.Off:
		return plan{do: turnOff, entry: e}
	}
	return plan{do: remove, entry: e}
}

// advance is what is to be done for the next credential.
func (s *state) advance(now time.Time, m rules) plan {
	if p := s.Pending; p != nil {
		switch {
		case p.Credential.IsZero():
			return plan{do: issue}
		case p.Registered.IsZero():
			return plan{do: register}
		case now.Before(p.Registration.UsableFrom):
			return plan{at: p.Registration.UsableFrom}
		}
		return plan{do: prove}
	}
	// Before the look: a list that cannot be read must not keep a credential
	// until it expires.
	due := m.due(s)
	if !due.IsZero() && !now.Before(due) {
		return plan{do: begin}
	}
	looked := s.Active.Checked.Add(m.checkEvery())
	if s.Active.Checked.IsZero() || !now.Before(looked) {
		return plan{do: look}
	}
	wake := plan{at: looked}
	if !due.IsZero() {
		wake.sooner(due)
	}
	return wake
}

// apply does to the state what follows from the outcome of p.
func (s *state) apply(p plan, o outcome, now time.Time, m rules) change {
	c := change{at: now, err: o.err}
	switch {
	case p.do == look && o.result == done:
		s.refresh(o.list, now)
		c.save = true
	case p.do == look && errors.Is(o.err, ErrInvalidClient) && p.entry != nil:
		p.entry.Checked, c.save = now, true // not to be listed: whatever follows begins with a token, and ends a refusal
		c.err = nil
	case p.do == begin && o.result == done:
		s.start(&c, o.credential, o.list, now, m)
	case (p.do == issue || p.do == register) && o.result == done:
		s.registered(&c, o, now, m)
	case (p.do == issue || p.do == register) && o.result == full:
		// One that could not be cleared away goes before everything else again.
		if stuck := s.earliest(true); stuck != nil {
			stuck.Stuck, c.save = false, true
		}
	case p.do == register: // failed
		s.giveUp(&c, now, m)
	case p.do == prove:
		s.proved(&c, o, now, m)
	case p.do == turnOff && o.result == done:
		p.entry.Off, c.save = true, true
		c.tell(EventDisabled, p.entry.Credential, nil)
	case p.do == turnOff && o.result == needed:
		s.fallBack(&c, p.entry, now, m)
	case p.do == remove && o.result == done && m.purges && m.nodes > 0:
		p.entry.Removed, p.entry.Stuck, p.entry.Until = true, false, now.Add(m.nodes)
		c.save = true
	case (p.do == remove || p.do == purge) && o.result == done:
		s.forget(&c, p.entry, m)
	case o.result == unable:
		s.postpone(&c, p.entry, now)
	case p.do == rescue:
		s.rescued(&c, o, now, m)
	}
	return c
}
