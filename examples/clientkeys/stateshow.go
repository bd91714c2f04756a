package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/nokkel/nokkel/selfservice"
)

const aboutStateShow = `Reads the state directory and prints which key is active, which one is being
rotated to, which old ones are kept, and when the next rotation is due. It asks
nothing of the server and prints no private key and no secret. Give it the same
--MaxAge, --RenewBefore and --Overlap as run: the due date follows from them.`

// stateShow is the command "state show".
type stateShow struct {
	state
	json bool
}

func (s *stateShow) declare(o *options) {
	s.state.declare(o)
	o.toggle(&s.json, "Json", "json", "print one JSON object")
}

func (s *stateShow) run(ctx context.Context, c *console) error {
	st, err := stored(ctx, s.rotator())
	if err != nil {
		return err
	}
	if s.json {
		text, err := json.MarshalIndent(st, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.out, escaped(text))
		return err
	}
	line := func(what string, k selfservice.CredentialStatus) {
		c.result("%s: %s made %s expires %s", what, name(k), date(k.Made), date(k.Expires))
	}
	line("Active", st.Active)
	if st.Pending != nil {
		line("Pending", *st.Pending)
	}
	for _, old := range st.Retiring {
		line("Retiring", old)
		c.result("  kept until %s", date(old.Until))
	}
	c.result("Rotations: %d\nDue: %s\nNext: %s", st.Rotations, date(st.Due), date(st.Next))
	return nil
}

// name is what a person knows the credential by.
func name(k selfservice.CredentialStatus) string {
	switch {
	case k.KeyID != "":
		return k.KeyID
	case k.Fingerprint != "":
		return k.Fingerprint // of a client secret
	}
	return "(not made yet)"
}

// escaped is JSON in which what a terminal does not print is escaped as well.
func escaped(text []byte) string {
	var b strings.Builder
	for _, r := range string(text) {
		if r == '\n' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}
