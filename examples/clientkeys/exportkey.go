package main

import (
	"context"
	"errors"
	"strings"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

const aboutExportKey = `Writes the active private key of a state directory to a file that only its
owner can read (mode 0600), for programs that read a key file: as a JWK, or as
PEM. Where the rotation is of a client secret, the file holds the secret.

A file that exists is kept and the command fails, unless --Replace is given;
then it is replaced in one instant. From cron:

  clientkeys rotate --IfDue ... && clientkeys exportkey --Replace ...

The program must read the file again before the old key ends, which is after
--Overlap at a server that keeps both, and at once at one that keeps one.`

// exportKey is the command exportkey.
type exportKey struct {
	dir, path, format string
	replace           bool
}

func (e *exportKey) declare(o *options) {
	o.required(&e.dir, "StateDirectory", "s", "where rotate keeps the client's keys")
	o.required(&e.path, "PrivateKeyPath", "p", "file to write")
	o.text(&e.format, "Format", "f", "of a key: jwk (default) or pem, which is PKCS #8 and holds no kid")
	o.toggle(&e.replace, "Replace", "", "replace the file if it exists")
}

func (e *exportKey) run(ctx context.Context, c *console) error {
	content, err := e.content(ctx)
	if err != nil {
		return err
	}
	err = keys.WriteFile(e.path, content, e.replace)
	if errors.Is(err, keys.ErrExists) {
		return errors.New("the file of --PrivateKeyPath exists; --Replace replaces it")
	}
	if err != nil {
		return err
	}
	c.result("%s", e.path)
	return nil
}

func (e *exportKey) content(ctx context.Context) ([]byte, error) {
	encode := (*keys.Key).PrivateJWK
	switch strings.ToLower(e.format) {
	case "", "jwk":
	case "pem":
		encode = (*keys.Key).PrivatePEM
	default:
		return nil, errors.New("--Format is jwk or pem")
	}
	rotator := &selfservice.Rotator{Store: selfservice.Dir(e.dir)}
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
