package selfservice

import (
	"context"
	"log/slog"
	"time"
)

// Kind says what an [Event] is about.
type Kind string

// What happens in a rotation.
const (
	Adopted    Kind = "adopted"     // the first credential was put into the store
	Started    Kind = "started"     // a new credential was made and saved
	Registered Kind = "registered"  // the server has the new credential
	Switched   Kind = "switched"    // a real token proved the new credential; it is active and saved
	Disabled   Kind = "disabled"    // the old credential was turned off, and the new one still works
	Retired    Kind = "retired"     // the old credential is gone
	RolledBack Kind = "rolled back" // the active credential stopped working; an older one serves again
	Failed     Kind = "failed"      // a step failed and will be tried again
	Damaged    Kind = "damaged"     // the store had to go back to an older version; what the newer one held may be lost
)

// Event is one step of a rotation. It holds no secret.
type Event struct {
	Kind       Kind
	Client     string // Rotator.Name
	Time       time.Time
	Credential string // fingerprint of the credential it is about; empty for most failures
	Err        error  // of Failed, RolledBack and Damaged
}

// tell reports an event. A callback or a log that panics must not end the
// rotation; what it panics with may hold anything, so it is not told.
func (r *Rotator) tell(e Event) {
	defer func() { _ = recover() }()
	e.Client, e.Time = r.Name, time.Now()
	if r.OnEvent != nil {
		defer r.OnEvent(e) // also if the log panics
	}
	if r.Logger == nil {
		return
	}
	level := slog.LevelInfo
	attrs := []slog.Attr{slog.String("credential", e.Credential)}
	if e.Client != "" {
		attrs = append(attrs, slog.String("client", e.Client))
	}
	if e.Err != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	r.Logger.LogAttrs(context.Background(), level, "rotation "+string(e.Kind), attrs...)
}
