package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

func keyCommands() []command {
	toKeystore := func(more ...option) []option {
		return clientOptions(append([]option{
			required(path("KeystorePath", "p", "file to write the keystore to, which must not exist; only its owner can read it")),
			preset("pkcs12", text("Format", "f", "pkcs12 or jks")),
			text("Alias", "", "name of the entry in the keystore (default: that of --ClientId)"),
			passwordOption("PasswordPath", "pwdp", "the password for the keystore"),
		}, more...)...)
	}
	return []command{
		{"keycloak key upload", clientOptions(
			required(path("PublicKeyPath", "p", "file with the public keys: JWK, JWKS, PEM or a keystore")),
			preset("jwks", text("Format", "f", "jwks (a JWK or PEM becomes one), certificate, publickey, pkcs12 or jks")),
			text("Alias", "", "name of the entry in a keystore"),
			passwordOption("PasswordPath", "pwdp", "the password of a keystore"),
			toggle("Add", "add", "add the one key to those that are there; for jwks"),
			yes(),
		), "", keyUpload},
		{"keycloak key generate", toKeystore(
			number("KeySize", "ks", "bits of the key (default: the server's choice; Keycloak 26.3 or later)"),
			number("ValidityYears", "vy", "how long the certificate is valid (default: the server's choice; Keycloak 26.3 or later)"),
		), "Replace all keys of client {ClientId} by one that Keycloak makes?", keystoreOf((*admin.API).GenerateKeystore)},
		{"keycloak key download", toKeystore(), "", keystoreOf(func(a *admin.API, ctx context.Context, id string, k admin.Keystore) ([]byte, error) {
			content, err := a.DownloadKeystore(ctx, id, k)
			if err != nil {
				err = fmt.Errorf("nothing was saved: %w", err)
			}
			return content, err
		})},
	}
}

func keyUpload(ctx context.Context, in *input) error {
	file, err := in.keyFile()
	if err != nil {
		return err
	}
	var added *keys.PublicKey
	question := "Replace all keys of client {ClientId}?"
	if in.on("Add") {
		if file.Format != admin.FormatJWKS {
			return errors.New("--Add is for jwks; the other formats have room for one key")
		}
		if added, err = in.public("PublicKey"); err != nil {
			return err
		}
		question = "Add the key " + added.KeyID() + " to those of client {ClientId}?"
	}
	if err := in.ask(ctx, question); err != nil {
		return err
	}
	return onClient(func(ctx context.Context, in *input, api *admin.API, info *admin.Client) error {
		if added != nil {
			err = api.AddKey(ctx, info.ID, added)
		} else {
			err = api.Upload(ctx, info.ID, file)
		}
		var archive *keystore.Error
		var key *keys.Error
		switch {
		case errors.As(err, &archive) || errors.As(err, &key): // it is the file that was refused
			return fmt.Errorf("--PublicKeyPath: %w", err)
		case err != nil:
			return err
		}
		return in.keycloakKeys(ctx, api, info)
	})(ctx, in)
}

func (in *input) keyFile() (f admin.KeyFile, err error) {
	f.Alias = in.text("Alias")
	f.Format, err = choice(in, "Format", map[string]admin.Format{
		"jwks": admin.FormatJWKS, "certificate": admin.FormatCertificate, "publickey": admin.FormatPublicKey,
		"pkcs12": admin.FormatPKCS12, "jks": admin.FormatJKS,
	}, "jwks, certificate, publickey, pkcs12 or jks")
	if err != nil {
		return f, err
	}
	if f.Format == admin.FormatPKCS12 || f.Format == admin.FormatJKS {
		if f.Password, err = in.secret("PasswordPath", passwordVariable); err != nil {
			return f, err
		}
	}
	f.Content, err = in.file("PublicKeyPath")
	return f, err
}

// keystoreOf saves what get returns, also beside an error: there is no other
// copy of it.
func keystoreOf(get func(a *admin.API, ctx context.Context, id string, k admin.Keystore) ([]byte, error)) action {
	return onClient(func(ctx context.Context, in *input, api *admin.API, info *admin.Client) error {
		k := admin.Keystore{Alias: cmp.Or(in.text("Alias"), info.ClientID), Bits: in.number("KeySize"), Years: in.number("ValidityYears")}
		var err error
		k.Format, err = choice(in, "Format", map[string]admin.Format{"pkcs12": admin.FormatPKCS12, "jks": admin.FormatJKS}, "pkcs12 or jks")
		if err != nil {
			return err
		}
		if k.Password, err = in.password("Password"); err != nil {
			return err
		}
		if err := in.reserve("KeystorePath"); err != nil {
			return err
		}
		content, err := get(api, in.uninterrupted(ctx), info.ID, k)
		if saved := in.save("KeystorePath", content); saved != nil || err != nil {
			return errors.Join(err, saved)
		}
		in.result("KeystorePath: %s", in.text("KeystorePath"))
		key, err := k.Key(content)
		if err != nil || len(key.Certificates()) == 0 { // a private JWK has none
			in.tell("What Keycloak sent is saved as it came, but is no keystore with this password and a certificate.")
			return nil
		}
		leaf := key.Certificates()[0]
		in.credential("Key", certs.KeyID(key.PublicKey()), leaf.NotBefore, leaf.NotAfter)
		return nil
	})
}
