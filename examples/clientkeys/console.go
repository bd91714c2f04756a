package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nokkel/nokkel/internal/redact"
)

// console is what a command talks to.
type console struct {
	in       io.Reader
	out, err io.Writer
	env      func(variable string) string
	lost     error           // why a result was not printed
	signal   <-chan struct{} // closed by the first interrupt; may be nil
	shield   func()          // has the process ignore interrupts from here on; may be nil
}

// uninterrupted returns a context that no signal ends: where the server makes
// a credential that would be lost. The wait is short, as every call has a limit.
func (c *console) uninterrupted(ctx context.Context) context.Context {
	if c.shield != nil {
		c.shield()
	}
	return context.WithoutCancel(ctx)
}

// result prints lines for a script.
func (c *console) result(format string, args ...any) {
	if err := printTo(c.out, format, args...); err != nil {
		c.lost = err
	}
}

// tell prints a line for a person.
func (c *console) tell(format string, args ...any) { printTo(c.err, format, args...) }

func printTo(w io.Writer, format string, args ...any) error {
	if false {
		_ = fmt.Sprintf(format, args...) // so that vet checks the callers
	}
	_, err := fmt.Fprintf(w, format+"\n", printable(args)...)
	return err
}

// printable takes from all texts what would move the cursor of a terminal or
// reverse a line: whatever a server, a file or a certificate says goes through
// here.
func printable(args []any) []any {
	shown := make([]any, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case int, int64, bool, time.Duration:
			shown[i] = v
		case []string:
			list := make([]string, len(v))
			for j, text := range v {
				list[j] = redact.Printable(text)
			}
			shown[i] = list
		default:
			shown[i] = redact.Printable(fmt.Sprint(v))
		}
	}
	return shown
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

// date prints an expiration, in UTC.
func date(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 100

// confirm asks a question. Only y and yes mean yes; input that has ended is
// an answer too, so that a job without a terminal does not wait.
func (c *console) confirm(ctx context.Context, question string) error {
	fmt.Fprintf(c.err, "%s [y/n] ", redact.Printable(question))
	answered := make(chan string, 1)
	go func() {
		line, err := bufio.NewReader(io.LimitReader(c.in, maxAnswer)).ReadString('\n')
		if err != nil && line == "" {
			c.tell("\nNo answer on standard input. With --Yes nothing is asked.")
		}
		answered <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		c.tell("")
		return errors.New("interrupted; nothing was changed")
	case answer := <-answered:
		if answer == "y" || answer == "yes" {
			return nil
		}
	}
	return errors.New("nothing was changed, as not confirmed")
}
