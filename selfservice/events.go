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
)

// Event is one step of a rotation. It holds no secret.
type Event struct {
	Kind       Kind
	Time       time.Time
	Credential string // fingerprint of the credential it is about; empty for most failures
	Err        error  // of Failed and RolledBack
}

// tell reports an event. A callback that panics must not end the rotation.
func (r *Rotator) tell(e Event) {
	e.Time = time.Now()
	if r.Logger != nil {
		level := slog.LevelInfo
		attrs := []slog.Attr{slog.String("credential", e.Credential)}
		if e.Err != nil {
			level = slog.LevelWarn
			attrs = append(attrs, slog.String("error", e.Err.Error()))
		}
		r.Logger.LogAttrs(context.Background(), level, "rotation "+string(e.Kind), attrs...)
	}
	if r.OnEvent == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil && r.Logger != nil {
			r.Logger.Error("rotation: OnEvent panicked") // what it panicked with may hold anything
		}
	}()
	r.OnEvent(e)
}
