package selfservice

import (
	"encoding/json"
	"time"
)

// EventKind says what an [Event] is about.
type EventKind string

// What happens in a rotation.
const (
	EventAdopted    EventKind = "adopted"     // the first credential was put into the store
	EventStarted    EventKind = "started"     // a new credential was made and saved
	EventRegistered EventKind = "registered"  // the server has the new credential
	EventSwitched   EventKind = "switched"    // a real token proved the new credential; it is active and saved
	EventDisabled   EventKind = "disabled"    // the old credential was turned off, and the new one still works
	EventRetired    EventKind = "retired"     // the old credential is removed at the server, or only no longer kept, see Unremoved
	EventRolledBack EventKind = "rolled back" // the active credential stopped working; an older one serves again
	EventFailed     EventKind = "failed"      // a step failed and will be tried again
	EventDamaged    EventKind = "damaged"     // the store went back, or lost commits: what this process holds is put back, the rest may be lost
)

// Event is one step of a rotation. It holds no secret.
type Event struct {
	Kind       EventKind `json:"kind"`
	Client     string    `json:"client,omitempty"` // Rotator.Name
	Time       time.Time `json:"time"`
	Credential string    `json:"credential,omitempty"` // fingerprint of the credential it is about; empty for most failures
	Unremoved  bool      `json:"unremoved,omitempty"`  // EventRetired: the provider is no Remover, and the server may accept the old credential still
	Err        error     `json:"-"`                    // of EventFailed, EventRolledBack and EventDamaged; in JSON its text, "error"
}

// MarshalJSON writes the members above, and Err as text.
func (e Event) MarshalJSON() ([]byte, error) {
	type members Event
	out := struct {
		members
		Error string `json:"error,omitempty"`
	}{members: members(e)}
	if e.Err != nil {
		out.Error = text(e.Err)
	}
	return json.Marshal(out)
}
