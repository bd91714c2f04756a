package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// console is what a command talks to.
type console struct {
	in       io.Reader
	out, err io.Writer
	lost     error // why a result was not printed
}

// result prints a line for a script.
func (c *console) result(format string, args ...any) {
	if _, err := fmt.Fprintf(c.out, format+"\n", args...); err != nil {
		c.lost = err
	}
}

// tell prints a line for a person.
func (c *console) tell(format string, args ...any) { fmt.Fprintf(c.err, format+"\n", args...) }

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 100

// confirm asks a question. Only y and yes mean yes; input that has ended is
// an answer too, so that a job without a terminal does not wait for ever.
func (c *console) confirm(question string) bool {
	fmt.Fprintf(c.err, "%s [y/n] ", question)
	line, err := bufio.NewReader(io.LimitReader(c.in, maxAnswer)).ReadString('\n')
	if err != nil && line == "" {
		c.tell("\nNo answer on standard input. With --Yes nothing is asked.")
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true
	}
	return false
}

// date prints an expiration, in UTC.
func date(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}
