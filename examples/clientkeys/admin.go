package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
)

// administrator holds the options that say who manages clients: a client
// itself, which signs in with a private key or with what the system has besides.
type administrator struct {
	adminID string
	key     given
	other   credentialFile
}

// credentialFile is a secret or token in a file or an environment variable.
type credentialFile struct{ option, path, variable string }

func (f credentialFile) read() (keys.Secret, error) { return readSecret(f.option, f.path, f.variable) }

func (a *administrator) declare(o *options, other credentialFile, short, what string) {
	a.key.name, a.other = "AdminPrivateJwk", other
	o.text(&a.adminID, "AdminClientId", "ac", "the client id of the administrator")
	o.path(&a.key.file, "AdminPrivateJwkPath", "ap", "file that holds the administrator's private key: JWK, PEM or a keystore")
	o.path(&a.key.passwordPath, "AdminPrivateJwkPasswordPath", "", "file that holds the password, if that is a keystore (default: "+passwordVariable+")")
	o.path(&a.other.path, other.option, short, "file that holds "+what+" (default: "+other.variable+")")
}

// isZero reports whether nothing names an administrator.
func (a *administrator) isZero() bool {
	return a.adminID == "" && a.key.isZero() && a.other.path == "" && os.Getenv(a.other.variable) == ""
}

// credential returns the key, or else the secret or token; one of them is
// there unless it fails.
func (a *administrator) credential() (*keys.Key, keys.Secret, error) {
	if a.key.file != "" {
		if a.other.path != "" {
			return nil, keys.Secret{}, fmt.Errorf("give one of --AdminPrivateJwkPath and --%s", a.other.option)
		}
		key, err := a.key.private(nil)
		return key, keys.Secret{}, err
	}
	secret, err := a.other.read()
	if err == nil && secret.IsZero() {
		err = fmt.Errorf("missing --AdminPrivateJwkPath, --%s or %s", a.other.option, a.other.variable)
	}
	return nil, secret, err
}

var errNoAdmin = errors.New("missing --AdminClientId")

// adminTokens says whose login failed: two clients are at work here.
type adminTokens struct {
	*assertion.TokenSource
	clientID string
}

func (t adminTokens) BoundToken(ctx context.Context) (string, *keys.Key, error) {
	token, key, err := t.TokenSource.BoundToken(ctx)
	if err != nil {
		err = fmt.Errorf("the administrator %q gets no token: %w", t.clientID, err)
	}
	return token, key, err
}
