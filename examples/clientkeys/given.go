package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys"
)

// given is a key in the value of an option or in the file that another option
// names.
type given struct {
	name         string
	text, file   string
	passwordPath string // of a keystore
}

func (g *given) declare(o *options, name, short, pathShort, what string) {
	g.name = name
	o.secret(&g.text, name, short, what+", as text, which other users of the machine can see")
	o.path(&g.file, name+"Path", pathShort, what+", in a file")
}

// declarePrivate is declare for a private key, whose file may be a keystore.
func (g *given) declarePrivate(o *options, name, short, pathShort, what string) {
	g.declare(o, name, short, pathShort, what)
	o.list[len(o.list)-1].usage += ": JWK, PEM or a keystore"
	o.path(&g.passwordPath, name+"PasswordPath", "", "file that holds the password, if the key is in a keystore (default: "+passwordVariable+")")
}

func (g *given) isZero() bool { return g.text == "" && g.file == "" }

// option is the one that was given.
func (g *given) option() string {
	if g.file != "" {
		return g.name + "Path"
	}
	return g.name
}

func (g *given) read() ([]byte, error) {
	switch {
	case g.isZero():
		return nil, fmt.Errorf("missing --%s or --%[1]sPath", g.name)
	case g.text != "" && g.file != "":
		return nil, fmt.Errorf("give one of --%s and --%[1]sPath", g.name)
	case g.file != "":
		return readFile(g.name+"Path", g.file)
	}
	return []byte(g.text), nil
}

// private takes a JWK, PEM, or a keystore with one private key, as
// generatecertificate makes.
func (g *given) private(c *console) (*keys.Key, error) {
	data, err := g.read()
	if err != nil {
		return nil, err
	}
	if g.text != "" { // there is a console then
		c.tell("Note: every user of this machine can read the arguments of a program; --%sPath keeps the key out of them.", g.name)
	}
	password, err := readSecret(g.name+"PasswordPath", g.passwordPath, passwordVariable)
	if err != nil {
		return nil, err
	}
	key, err := keystore.ParseKey(data, "", password.Reveal())
	if errors.Is(err, keystore.ErrPassword) && password.IsZero() {
		return nil, fmt.Errorf("--%s is a keystore: missing --%sPasswordPath or %s", g.option(), g.name, passwordVariable)
	}
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", g.option(), err)
	}
	return key, nil
}

func (g *given) public() (*keys.PublicKey, error) {
	data, err := g.read()
	if err != nil {
		return nil, err
	}
	key, err := keys.ParsePublic(data, keys.Options{})
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", g.option(), err)
	}
	return key, nil
}

// readSecret returns the one line of a file, or else what an environment
// variable holds, or else nothing. No secret has to be an argument.
func readSecret(option, path, variable string) (keys.Secret, error) {
	if path == "" {
		return keys.NewSecret(os.Getenv(variable)), nil
	}
	content, err := readFile(option, path)
	if err != nil {
		return keys.Secret{}, err
	}
	line, ok := oneLine(string(content))
	if !ok {
		return keys.Secret{}, fmt.Errorf("the file of --%s is not one line", option)
	}
	return keys.NewSecret(line), nil
}

// readPassword is readSecret for the password of a keystore, which must be
// there.
func readPassword(option, path string) (keys.Secret, error) {
	password, err := readSecret(option, path, passwordVariable)
	if err == nil && password.IsZero() {
		err = fmt.Errorf("missing --%s or %s", option, passwordVariable)
	}
	return password, err
}
