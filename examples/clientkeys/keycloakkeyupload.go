package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

const aboutKeyUpload = `Makes Keycloak take the public keys of a file for a client, in place of those it
has, and prints their kids. The client authenticates with a signed assertion
(private_key_jwt) from then on.

The format jwks is the one to prefer: any number of keys, old and new side by
side, which is what "keycloak rotate" needs. --Add adds one to those that are there.
With certificate and publickey there is one key, and a new one ends the old.
Of a keystore only the certificate is sent. A private key in another file is
refused.`

// keyUpload is the command "keycloak key upload".
type keyUpload struct {
	managed
	consent
	path, format, alias, passwordPath string
	add                               bool
}

func (k *keyUpload) declare(o *options) {
	k.managed.declare(o)
	o.requiredPath(&k.path, "PublicKeyPath", "p", "file with the public keys: JWK, JWKS, PEM or a keystore")
	o.text(&k.format, "Format", "f", "jwks (default; a JWK or PEM becomes one), certificate, publickey, pkcs12 or jks")
	o.text(&k.alias, "Alias", "", "name of the entry in a keystore")
	o.path(&k.passwordPath, "PasswordPath", "pwdp", "file that holds the password of a keystore (default: "+passwordVariable+")")
	o.toggle(&k.add, "Add", "add", "add the one key to those that are there; for jwks")
	k.consent.declare(o)
}

func (k *keyUpload) run(ctx context.Context, c *console) error {
	file, err := k.file()
	if err != nil {
		return err
	}
	var added *keys.PublicKey
	question := fmt.Sprintf("Replace all keys of client %q?", k.clientID)
	if k.add {
		if file.Format != admin.FormatJWKS {
			return errors.New("--Add is for jwks; the other formats have room for one key")
		}
		if added, err = keys.ParsePublic(file.Content, keys.Options{}); err != nil {
			return fmt.Errorf("--PublicKeyPath: %w", err)
		}
		question = fmt.Sprintf("Add the key %s to those of client %q?", added.KeyID(), k.clientID)
	}
	api, info, err := k.find(ctx)
	if err != nil {
		return err
	}
	if err := k.ask(ctx, c, "%s", question); err != nil {
		return err
	}
	if k.add {
		err = api.AddKey(ctx, info.ID, added)
	} else {
		err = api.Upload(ctx, info.ID, file)
	}
	if err != nil {
		return ofFile(err)
	}
	return printKeys(ctx, c, api, info.ID)
}

func (k *keyUpload) file() (admin.KeyFile, error) {
	f := admin.KeyFile{Alias: k.alias}
	switch strings.ToLower(k.format) {
	case "", "jwks":
		f.Format = admin.FormatJWKS
	case "certificate":
		f.Format = admin.FormatCertificate
	case "publickey":
		f.Format = admin.FormatPublicKey
	case "pkcs12":
		f.Format = admin.FormatPKCS12
	case "jks":
		f.Format = admin.FormatJKS
	default:
		return f, errors.New("--Format is jwks, certificate, publickey, pkcs12 or jks")
	}
	var err error
	if f.Format == admin.FormatPKCS12 || f.Format == admin.FormatJKS {
		if f.Password, err = readSecret("PasswordPath", k.passwordPath, passwordVariable); err != nil {
			return f, err
		}
	}
	f.Content, err = readFile("PublicKeyPath", k.path)
	return f, err
}

// ofFile names the option where it is the file that was refused.
func ofFile(err error) error {
	var archive *keystore.Error
	var key *keys.Error
	if errors.As(err, &archive) || errors.As(err, &key) {
		return fmt.Errorf("--PublicKeyPath: %w", err)
	}
	return err
}
