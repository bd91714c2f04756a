package main

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/internal/atomicfile"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
)

const aboutStateExport = `Writes the active private key of a state directory to a file that only its
owner can read (mode 0600), for programs that read a key file: as a JWK, as PEM,
or, where the key has a certificate, as the .pfx that generatecertificate makes.
Where the rotation is of a client secret, the file holds the secret.

A file that exists is kept and the command fails, unless --Replace is given;
then it is replaced in one instant. From cron:

  clientkeys helseid rotate --IfDue ... && clientkeys state export --Replace ...

The program must read the file again before the old key ends, which is after
--Overlap at a server that keeps both, and at once at one that keeps one.`

// stateExport is the command "state export".
type stateExport struct {
	dir, file, format, passwordPath string
	replace                         bool
}

func (e *stateExport) declare(o *options) {
	o.requiredPath(&e.dir, "StateDirectory", "s", "where a rotation keeps the client's keys")
	o.requiredPath(&e.file, "PrivateKeyPath", "p", "file to write")
	o.text(&e.format, "Format", "f", "of a key: jwk (default), pem, which is PKCS #8 and holds no kid, or pfx")
	o.path(&e.passwordPath, "PasswordPath", "pwdp", "file that holds the password of the .pfx (default: "+passwordVariable+")")
	o.toggle(&e.replace, "Replace", "", "replace the file if it exists")
}

func (e *stateExport) run(ctx context.Context, c *console) error {
	content, err := e.content(ctx)
	if err != nil {
		return err
	}
	err = atomicfile.Write(e.file, content, 0o600, e.replace)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("the file of --PrivateKeyPath exists; --Replace replaces it")
	}
	if err != nil {
		return err
	}
	c.result("%s", e.file)
	return nil
}

func (e *stateExport) content(ctx context.Context) ([]byte, error) {
	encode, known := map[string]func(*keys.Key) ([]byte, error){
		"": (*keys.Key).PrivateJWK, "jwk": (*keys.Key).PrivateJWK, "pem": (*keys.Key).PrivatePEM, "pfx": e.pfx,
	}[strings.ToLower(e.format)]
	if !known {
		return nil, errors.New("--Format is jwk, pem or pfx")
	}
	rotator := &selfservice.Rotator{Store: filestore.Dir(e.dir)}
	status, err := stored(ctx, rotator)
	if err != nil {
		return nil, err
	}
	if status.Active.KeyID == "" {
		if e.format != "" {
			return nil, errors.New("--Format is for keys; the rotation is of a client secret")
		}
		secret, err := rotator.ClientSecret(ctx)
		return []byte(secret.Reveal()), err
	}
	key, err := rotator.SigningKey(ctx)
	if err != nil {
		return nil, err
	}
	return encode(key)
}

// pfx names the key's entry after the certificate.
func (e *stateExport) pfx(key *keys.Key) ([]byte, error) {
	chain := key.Certificates()
	if len(chain) == 0 {
		return nil, errors.New("the key has no certificate, so --Format is jwk or pem")
	}
	password, err := readPassword("PasswordPath", e.passwordPath)
	if err != nil {
		return nil, err
	}
	return keystore.MarshalPKCS12(key, chain[0].Subject.CommonName, password.Reveal())
}
