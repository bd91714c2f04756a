package selfservice

import (
	"fmt"
	"strings"
	"time"

	"github.com/nokkel/nokkel/internal/redact"
)

// String returns a few lines for a person, each with its line end: the
// credentials, how often they were replaced, and what happens when. Dates are
// in UTC. It is safe on a terminal, whatever the store holds.
func (s Status) String() string {
	var b strings.Builder
	line := func(what string, c CredentialStatus) {
		fmt.Fprintf(&b, "%s: %s made %s expires %s\n", what, c.Name(), date(c.Made), date(c.Expires))
	}
	line("Active", s.Active)
	if s.Pending != nil {
		line("Pending", *s.Pending)
	}
	for _, old := range s.Retiring {
		line("Retiring", old)
		fmt.Fprintf(&b, "  kept until %s\n", date(old.Until))
	}
	fmt.Fprintf(&b, "Rotations: %d\nDue: %s\nNext: %s\n", s.Rotations, date(s.Due), date(s.Next))
	return b.String()
}

// Name is what a person knows the credential by: the kid of a key, the
// fingerprint of a secret.
func (c CredentialStatus) Name() string {
	switch {
	case c.KeyID != "":
		return redact.Printable(c.KeyID)
	case c.Fingerprint != "":
		return redact.Printable(c.Fingerprint)
	}
	return "(not made yet)"
}

func date(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}
