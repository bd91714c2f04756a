package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nokkel/nokkel/internal/atomicfile"
	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/keys"
)

const (
	ownerOnly fs.FileMode = 0o600
	forAll    fs.FileMode = 0o644
)

// file is one to be written.
type file struct {
	name    string
	content []byte
	mode    fs.FileMode
}

// writeNew writes all of the files or none into dir (empty: the current one),
// and replaces none. It prints their paths for a script.
func (c *console) writeNew(dir string, files ...file) error {
	dir = cmp.Or(dir, ".")
	if err := atomicfile.MkdirAll(dir); err != nil {
		return err
	}
	for i, f := range files {
		if err := atomicfile.Write(filepath.Join(dir, f.name), f.content, f.mode, false); err != nil {
			for _, written := range files[:i] { // one half of a pair is of no use
				os.Remove(filepath.Join(dir, written.name))
			}
			if errors.Is(err, fs.ErrExist) {
				err = fmt.Errorf("file exists: %s", f.name)
			}
			return err
		}
	}
	for _, f := range files {
		c.result("%s", filepath.Join(dir, f.name))
	}
	return nil
}

// fileName refuses a name that would lead out of the directory.
func (in *input) fileName(option string) (string, error) {
	name := in.text(option)
	if strings.ContainsAny(name, `/\`) || !filepath.IsLocal(name) {
		return "", fmt.Errorf("--%s becomes the name of a file and must not hold /, \\ or what else this system forbids", option)
	}
	return name, nil
}

// maxFile bounds what is read of a file, in bytes: no keystore has more, and
// the path may be that of a device.
const maxFile = 1 << 20

// file reads the one that the option names.
func (in *input) file(option string) ([]byte, error) {
	var data []byte
	f, err := os.Open(in.text(option))
	if err == nil {
		defer f.Close()
		data, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	}
	if len(data) > maxFile {
		err = fmt.Errorf("it has more than %d bytes", maxFile)
	}
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err // without the path, which may be a key
	}
	if err != nil {
		return nil, fmt.Errorf("the file of --%s: %w", option, err)
	}
	return data, nil
}

// reserve makes the new file that an option names, if it does, for what a
// server will make: nothing is lost for want of a place.
func (in *input) reserve(option string) error {
	if in.text(option) == "" {
		return nil
	}
	err := atomicfile.Write(in.text(option), nil, ownerOnly, false)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("the file of --" + option + " exists; it is not replaced")
	}
	return err
}

// save fills a reserved file; nothing leaves no file behind.
func (in *input) save(option string, content []byte) error {
	switch path := in.text(option); {
	case path == "":
		return nil
	case len(content) == 0:
		return os.Remove(path)
	default:
		return atomicfile.Write(path, content, ownerOnly, true)
	}
}

// handoverOptions say where a secret goes.
func handoverOptions() []option {
	return []option{
		path("SecretPath", "p", "file to write the secret to, which must not exist; only its owner can read it"),
		toggle("Show", "show", "print the secret to standard output"),
	}
}

// somewhere fails where a new secret would go nowhere.
func (in *input) somewhere() error {
	if in.text("SecretPath") == "" && !in.on("Show") {
		return errors.New("missing --SecretPath or --Show: the new secret must go somewhere")
	}
	return nil
}

func (in *input) saveSecret(s keys.Secret) error { return in.save("SecretPath", []byte(s.Reveal())) }

// showSecret prints the secret or its place. Nothing is printed before it is
// saved: output into a pipe that nobody reads ends the process.
func (in *input) showSecret(s keys.Secret) error {
	if path := in.text("SecretPath"); path != "" {
		in.result("SecretPath: %s", path)
	}
	if !in.on("Show") {
		return nil
	}
	if redact.Printable(s.Reveal()) != s.Reveal() {
		return errors.New("the secret holds characters that a terminal does not print; --SecretPath takes them")
	}
	in.result("Secret: %s", s.Reveal())
	return nil
}
