package main

import (
	"errors"
	"io/fs"
	"os"

	"github.com/nokkel/nokkel/internal/atomicfile"
	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/keys"
)

// target is a new file for what a server makes. It is made before, so that
// nothing is lost for want of a place.
type target struct{ option, path string }

func (t target) reserve() error {
	if t.path == "" {
		return nil
	}
	err := atomicfile.Write(t.path, nil, 0o600, false)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("the file of --" + t.option + " exists; it is not replaced")
	}
	return err
}

// save fills the file; nothing leaves no file behind.
func (t target) save(content []byte) error {
	switch {
	case t.path == "":
		return nil
	case len(content) == 0:
		return os.Remove(t.path)
	}
	return atomicfile.Write(t.path, content, 0o600, true)
}

// handover holds the options that say where a secret goes.
type handover struct {
	target
	show bool
}

func (h *handover) declare(o *options) {
	h.option = "SecretPath"
	o.path(&h.path, h.option, "p", "file to write the secret to, which must not exist; only its owner can read it")
	o.toggle(&h.show, "Show", "show", "print the secret to standard output")
}

func (h *handover) isZero() bool { return h.path == "" && !h.show }

var errNowhere = errors.New("missing --SecretPath or --Show: the new secret must go somewhere")

// keep puts the secret into the file.
func (h *handover) keep(secret keys.Secret) error { return h.save([]byte(secret.Reveal())) }

// print shows the secret or its place. Nothing is printed before keep: output
// into a pipe that nobody reads ends the process.
func (h *handover) print(c *console, secret keys.Secret) error {
	if h.path != "" {
		c.result("SecretPath: %s", h.path)
	}
	if !h.show {
		return nil
	}
	if redact.Printable(secret.Reveal()) != secret.Reveal() {
		return errors.New("the secret holds characters that a terminal does not print; --SecretPath takes them")
	}
	c.result("Secret: %s", secret.Reveal())
	return nil
}
