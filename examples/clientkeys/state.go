package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/internal/atomicfile"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
)

// stateCommands are those that need no server.
func stateCommands() []command {
	return []command{
		{"state show", append(stateOptions(), toggle("Json", "json", "print one JSON object")), "", stateShow},
		{"state export", []option{
			stateDirectory(),
			required(path("PrivateKeyPath", "p", "file to write")),
			text("Format", "f", "of a key: jwk (default), pem, which is PKCS #8 and holds no kid, or pfx"),
			passwordOption("PasswordPath", "pwdp", "the password of the .pfx"),
			toggle("Replace", "", "replace the file if it exists"),
		}, "", stateExport},
	}
}

func stateDirectory() option {
	return required(path("StateDirectory", "s", "directory of this client alone, where its keys are kept"))
}

// stateOptions say where a rotation is kept, and its pace.
func stateOptions() []option {
	return []option{
		stateDirectory(),
		period("MaxAge", "replace a key that is older than this, like 720h (default: by its expiry, or 90 days)"),
		period("RenewBefore", "replace a key this long before it expires (default: a third of its lifetime)"),
		period("Overlap", "how long the old key is kept after a switch (default 1h)"),
		period("Propagation", "how long a new key must be accepted before it is used (default: as long as the server's nodes may take)"),
		period("CallTimeout", "limit of each call to the server (default 30s)"),
	}
}

// rotator has no provider.
func (in *input) rotator() *selfservice.Rotator {
	return &selfservice.Rotator{Store: filestore.Dir(in.text("StateDirectory")), Timing: selfservice.Timing{
		MaxAge: in.period("MaxAge"), RenewBefore: in.period("RenewBefore"), Overlap: in.period("Overlap"),
		Propagation: in.period("Propagation"), CallTimeout: in.period("CallTimeout"),
	}}
}

// stored returns the status of a state directory that holds something.
func (in *input) stored(ctx context.Context) (*selfservice.Rotator, selfservice.Status, error) {
	rotator := in.rotator()
	st, err := rotator.Status(ctx)
	if errors.Is(err, selfservice.ErrNotAdopted) {
		err = errors.New("the state directory holds no key yet; the first rotate puts one there")
	}
	return rotator, st, err
}

func stateShow(ctx context.Context, in *input) error {
	_, st, err := in.stored(ctx)
	if err != nil {
		return err
	}
	shown := st.String()
	if in.on("Json") {
		text, err := json.MarshalIndent(st, "", "  ")
		if err != nil {
			return err
		}
		shown = escaped(text) + "\n"
	}
	_, err = fmt.Fprint(in.out, shown)
	return err
}

// escaped is JSON in which what a terminal does not print is escaped as well.
func escaped(text []byte) string {
	var b strings.Builder
	for _, r := range string(text) {
		if r == '\n' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

func stateExport(ctx context.Context, in *input) error {
	content, err := in.active(ctx)
	if err != nil {
		return err
	}
	err = atomicfile.Write(in.text("PrivateKeyPath"), content, ownerOnly, in.on("Replace"))
	if errors.Is(err, fs.ErrExist) {
		return errors.New("the file of --PrivateKeyPath exists; --Replace replaces it")
	}
	if err == nil {
		in.result("%s", in.text("PrivateKeyPath"))
	}
	return err
}

// active is the active credential in the format that was asked for.
func (in *input) active(ctx context.Context) ([]byte, error) {
	encode, err := choice(in, "Format", map[string]func(*keys.Key) ([]byte, error){
		"": (*keys.Key).PrivateJWK, "jwk": (*keys.Key).PrivateJWK, "pem": (*keys.Key).PrivatePEM, "pfx": in.pfx,
	}, "jwk, pem or pfx")
	if err != nil {
		return nil, err
	}
	rotator, status, err := in.stored(ctx)
	if err != nil {
		return nil, err
	}
	if status.Active.KeyID == "" {
		if in.text("Format") != "" {
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
func (in *input) pfx(key *keys.Key) ([]byte, error) {
	chain := key.Certificates()
	if len(chain) == 0 {
		return nil, errors.New("the key has no certificate, so --Format is jwk or pem")
	}
	password, err := in.password("Password")
	if err != nil {
		return nil, err
	}
	return keystore.MarshalPKCS12(key, chain[0].Subject.CommonName, password.Reveal())
}
