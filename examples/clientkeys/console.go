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
	lost     error // why a result was not printed
}

// result prints a line for a script.
func (c *console) result(format string, args ...any) {
	if false {
		_ = fmt.Sprintf(format, args...) // so that vet checks the callers
	}
	if _, err := fmt.Fprintf(c.out, format+"\n", printable(args)...); err != nil {
		c.lost = err
	}
}

// tell prints a line for a person.
func (c *console) tell(format string, args ...any) {
	if false {
		_ = fmt.Sprintf(format, args...)
	}
	fmt.Fprintf(c.err, format+"\n", printable(args)...)
}

// printable takes from all texts what would move the cursor of a terminal or
// turn around a line: whatever a server, a file or a certificate says goes
// through here.
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

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 100

// confirm asks a question. Only y and yes mean yes; input that has ended is
// an answer too, so that a job without a terminal does not wait forever.
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

// consent is the option of the commands that ask before they change something.
type consent struct{ yes bool }

func (y *consent) declare(o *options) { o.toggle(&y.yes, "Yes", "y", "do not ask before") }

func (y *consent) ask(ctx context.Context, c *console, format string, args ...any) error {
	if y.yes {
		return nil
	}
	return c.confirm(ctx, fmt.Sprintf(format, args...))
}

// date prints an expiration, in UTC.
func date(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}
