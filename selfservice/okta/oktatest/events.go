package oktatest

import (
	"slices"
	"time"
)

// The types of events, as in Okta's System Log.
const (
	EventCreate     = "app.oauth2.credentials.lifecycle.create"
	EventActivate   = "app.oauth2.credentials.lifecycle.activate"
	EventDeactivate = "app.oauth2.credentials.lifecycle.deactivate"
	EventDelete     = "app.oauth2.credentials.lifecycle.delete"
	EventReadSecret = "app.oauth2.client.read_client_secret"
	EventUpdate     = "application.lifecycle.update"
	EventToken      = "app.oauth2.token.grant"
)

// Event is one entry of the System Log.
type Event struct {
	Type   string
	Actor  string // the client_id of a service app, or "ssws"
	AppID  string
	Target string // ID of the credential; empty: none
	Reason string // why it failed; empty: it succeeded
	Time   time.Time
}

// Events returns what has happened, oldest first: those of the types given, or
// all.
func (s *Server) Events(types ...string) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.events)
	if len(types) > 0 {
		list = slices.DeleteFunc(list, func(e Event) bool { return !slices.Contains(types, e.Type) })
	}
	return list
}

const maxEvents = 100_000 // bounds the memory of load tests

func (s *Server) log(kind string, a *app, target, reason string) {
	if len(s.events) == maxEvents {
		s.events = slices.Delete(s.events, 0, maxEvents/2)
	}
	s.events = append(s.events, Event{kind, a.caller.name, a.id, target, reason, time.Now().Round(0)})
}
