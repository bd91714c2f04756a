package main

import (
	"errors"
	"os"

	"github.com/nokkel/nokkel/selfservice"
)

// existing is the credential that a rotation starts from: a key, or where the
// system has them, a secret.
type existing struct {
	key        given
	secretPath string
	kinds      kinds
}

// kinds are the credentials that a system takes from its clients.
type kinds int

const (
	keysOnly kinds = iota
	keysAndSecrets
)

// secretVariable holds the client's secret where no option gives it.
const secretVariable = "CLIENTKEYS_SECRET"

func (e *existing) declare(o *options, k kinds) {
	e.kinds = k
	e.key.declarePrivate(o, "ExistingPrivateJwk", "e", "ep", "the private key that is registered (first time only)")
	if k == keysAndSecrets {
		o.path(&e.secretPath, "ExistingSecretPath", "esp", "file that holds the client's secret (first time only; default: "+secretVariable+")")
	}
}

func (e *existing) variable() string {
	if e.kinds == keysOnly {
		return ""
	}
	return os.Getenv(secretVariable)
}

func (e *existing) isZero() bool {
	return e.key.isZero() && e.secretPath == "" && e.variable() == ""
}

// option names where the credential came from.
func (e *existing) option() string {
	switch {
	case !e.key.isZero():
		return "--" + e.key.option()
	case e.secretPath != "":
		return "--ExistingSecretPath"
	}
	return secretVariable
}

func (e *existing) credential(c *console) (selfservice.Credential, error) {
	switch {
	case e.kinds == keysAndSecrets && e.isZero():
		return selfservice.Credential{}, errors.New("missing --ExistingPrivateJwkPath, --ExistingSecretPath or " + secretVariable)
	case e.secretPath != "" && !e.key.isZero():
		return selfservice.Credential{}, errors.New("give one of --" + e.key.option() + " and --ExistingSecretPath")
	case e.kinds == keysOnly || !e.key.isZero():
		key, err := e.key.private(c)
		return selfservice.Credential{Key: key}, err
	}
	secret, err := readSecret("ExistingSecretPath", e.secretPath, secretVariable)
	return selfservice.Credential{Secret: secret}, err
}
