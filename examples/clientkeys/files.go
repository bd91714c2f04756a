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

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// file is one to be written.
type file struct {
	name    string
	content []byte
	public  bool
}

// writeNew writes all of the files or none into dir (empty: the current one),
// and replaces none. It prints their paths for a script. What is not public
// only the owner can read.
func writeNew(c *console, dir string, files ...file) error {
	dir = cmp.Or(dir, ".")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var written []string
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		err := keys.WriteFile(path, f.content, false)
		if err == nil {
			written = append(written, path)
			if f.public {
				err = os.Chmod(path, 0o644)
			}
		}
		if err != nil {
			for _, path := range written { // one half of a pair is of no use
				os.Remove(path)
			}
			return err
		}
	}
	for _, path := range written {
		c.result("%s", path)
	}
	return nil
}

// checkFileName refuses a name that would lead out of the directory.
func checkFileName(option, name string) error {
	if strings.ContainsAny(name, `/\`) || !filepath.IsLocal(name) {
		return fmt.Errorf("--%s becomes the name of a file and must not hold /, \\ or what else this system forbids", option)
	}
	return nil
}

// given is a key in the value of an option or in the file that another option
// names.
type given struct {
	name       string
	text, path string
}

func (g *given) declare(o *options, name, short, pathShort, what string) {
	g.name = name
	o.text(&g.text, name, short, what+", as text, which other users of the machine can see")
	o.text(&g.path, name+"Path", pathShort, what+", in a file")
}

func (g *given) isZero() bool { return g.text == "" && g.path == "" }

func (g *given) read() ([]byte, error) {
	switch {
	case g.isZero():
		return nil, fmt.Errorf("missing --%s or --%[1]sPath", g.name)
	case g.text != "" && g.path != "":
		return nil, fmt.Errorf("give one of --%s and --%[1]sPath", g.name)
	case g.path != "":
		return readFile(g.name+"Path", g.path)
	}
	return []byte(g.text), nil
}

// maxFile bounds what is read of a file, in bytes: no keystore has more, and
// the path may be that of a device.
const maxFile = 1 << 20

// readFile does not repeat the path in its error: it may be a key, given to
// the wrong option.
func readFile(option, path string) ([]byte, error) {
	data, err := readAtMost(path, maxFile)
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	if err != nil {
		return nil, fmt.Errorf("the file of --%s: %w", option, err)
	}
	return data, nil
}

func readAtMost(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	return data, err
}

// readSecret returns the one line of a file, or else what an environment
// variable holds, or else nothing. No secret has to be an argument.
func readSecret(option, path, variable string) (keys.Secret, error) {
	if path == "" {
		return keys.NewSecret(os.Getenv(variable)), nil
	}
	text, err := readFile(option, path)
	if err != nil {
		return keys.Secret{}, err
	}
	line := strings.TrimRight(string(text), "\r\n")
	if line == "" || strings.ContainsAny(line, "\r\n") {
		return keys.Secret{}, fmt.Errorf("the file of --%s is not one line", option)
	}
	return keys.NewSecret(line), nil
}

func (g *given) private(c *console) (*keys.Key, error) {
	data, err := g.read()
	if err != nil {
		return nil, err
	}
	if g.text != "" {
		c.tell("Note: every user of this machine can read the arguments of a program; --%sPath keeps the key out of them.", g.name)
	}
	key, err := keys.Parse(data, keys.Options{})
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", g.name, err)
	}
	return key, nil
}

// credential is the key that a rotation starts from.
func (g *given) credential(c *console) (selfservice.Credential, error) {
	key, err := g.private(c)
	return selfservice.Credential{Key: key}, err
}

func (g *given) public() (*keys.PublicKey, error) {
	data, err := g.read()
	if err != nil {
		return nil, err
	}
	key, err := keys.ParsePublic(data, keys.Options{})
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", g.name, err)
	}
	return key, nil
}
