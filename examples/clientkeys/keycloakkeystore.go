package main

import (
	"errors"
	"strings"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

// keystoreOptions holds the options for a keystore that Keycloak makes.
type keystoreOptions struct {
	managed
	target
	format, alias, passwordPath string
}

func (k *keystoreOptions) declare(o *options) {
	k.managed.declare(o)
	k.option = "KeystorePath"
	o.requiredPath(&k.path, k.option, "p", "file to write the keystore to, which must not exist; only its owner can read it")
	o.text(&k.format, "Format", "f", "pkcs12 (default) or jks")
	o.text(&k.alias, "Alias", "", "name of the entry in the keystore (default: that of --ClientId)")
	o.path(&k.passwordPath, "PasswordPath", "pwdp", "file that holds the password for the keystore (default: "+passwordVariable+")")
}

// wanted is what the server is asked for.
func (k *keystoreOptions) wanted() (admin.Keystore, error) {
	w := admin.Keystore{Alias: k.alias}
	if w.Alias == "" {
		w.Alias = k.clientID
	}
	switch strings.ToLower(k.format) {
	case "", "pkcs12":
		w.Format = admin.FormatPKCS12
	case "jks":
		w.Format = admin.FormatJKS
	default:
		return w, errors.New("--Format is pkcs12 or jks")
	}
	var err error
	w.Password, err = readPassword("PasswordPath", k.passwordPath)
	return w, err
}

// deliver saves what the server made, also beside an error: there is no other
// copy of it.
func (k *keystoreOptions) deliver(c *console, content []byte, err error, w admin.Keystore) error {
	if saveErr := k.save(content); saveErr != nil || err != nil {
		return errors.Join(err, saveErr)
	}
	c.result("KeystorePath: %s", k.path)
	if key, err := keystore.ParseKey(content, "", w.Password.Reveal()); err == nil {
		c.credential("Key", certs.KeyID(key.PublicKey()), key.Certificates()[0].NotBefore, key.Certificates()[0].NotAfter)
	}
	return nil
}
