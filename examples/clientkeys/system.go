package main

import (
	"strings"
	"time"

	"github.com/nokkel/nokkel/selfservice"
)

// system is one client at one server, as options say it. With these methods a
// system has the commands rotate and run.
type system interface {
	// declare declares the options for the client and the server.
	declare(o *options)

	// client is the client's id.
	client() string

	// kinds are the credentials that a rotation may start from.
	kinds() kinds

	// provider makes the provider of a rotation, of keys or else of secrets.
	provider(ofKeys bool) (selfservice.Provider, error)
}

// rotating returns the commands that rotate what the words name; about is
// what is particular to that.
func rotating(words string, what string, about string, make func() system) []command {
	return []command{
		{words + " rotate", "rotate " + what + ", now or when due", aboutRotate + about, &rotate{rotation: rotation{system: make()}}},
		{words + " run", "rotate " + what + " whenever it is due, until stopped", aboutRun + about, &run{rotation: rotation{system: make()}}},
	}
}

// credential prints what a server knows of one credential: its kind, its name
// there, and what else is known. A zero time is not known.
func (c *console) credential(kind, name string, made, expires time.Time, facts ...string) {
	facts = append([]string{name}, facts...)
	if !made.IsZero() {
		facts = append(facts, "made "+date(made))
	}
	c.result("%s: %s expires %s", kind, strings.Join(facts, " "), date(expires))
}
