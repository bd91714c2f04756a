package main

import (
	"context"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys"
)

// fhiCommands are those of FHI's console tool.
func fhiCommands() []command {
	return []command{
		{"generatejsonwebkey", slices.Concat([]option{
			required(text("KeyFileNamePrefix", "n", "how the names of the files begin")),
			path("KeyDirectory", "d", "where they go; made if missing (default: the current directory)"),
			text("KeyCustomKid", "k", "key id (default: the RFC 7638 thumbprint)"),
			preset("jsonEscape", text("OutputTransform", "ot", "jsonEscape: a JSON string that holds the JWK; base64: into .txt")),
		}, newKeyOptions()), "", generateKey},
		{"generatecertificate", slices.Concat([]option{
			required(text("CertificateCommonName", "cn", "common name of the certificate")),
			{long: "CertificatePassword", short: "pwd", form: secretForm, usage: "password of the .pfx"},
			path("CertificatePasswordPath", "pwdp", "file that holds the password"),
			path("CertificateDirectory", "dir", "where the files go; made if missing (default: the current directory)"),
			preset("24", number("ValidityMonths", "vm", "how long the certificate is valid, in months")),
		}, newKeyOptions()), "", generateCertificate},
		{"updateclientkey", slices.Concat(helseidOptions(),
			keyOptions("NewPublicJwk", "n", "np", "the new public key"),
			privateOptions("ExistingPrivateJwk", "e", "ep", "the private key that is registered"),
			[]option{path("NewPrivateJwkPath", "npp", "file that holds the new private key, to try it after the update; it is never sent"), yes()},
		), "", updateKey},
		{"readclientsecretexpiration", append(helseidOptions(), privateOptions("ExistingPrivateJwk", "e", "ep", "the private key to look up")...), "", readExpiration},
	}
}

// newKeyOptions say how a key is made: by default as FHI's tool does, RSA of
// 4096 bits, used with SHA-512.
func newKeyOptions() []option {
	return []option{
		preset(string(keys.RS512), text("Algorithm", "alg", "RS256 to RS512, PS256 to PS512, ES256 to ES512, EdDSA (not at HelseID)")),
		number("KeySize", "ks", "bits of an RSA key, 2048 to 8192 (default 4096)"),
	}
}

func (in *input) newKey() (*keys.Key, error) {
	bits := in.number("KeySize")
	for _, alg := range []keys.Algorithm{keys.RS256, keys.RS384, keys.RS512, keys.PS256, keys.PS384, keys.PS512, keys.ES256, keys.ES384, keys.ES512, keys.EdDSA} {
		switch rsa := alg[1] == 'S' && alg[0] != 'E'; {
		case !strings.EqualFold(in.text("Algorithm"), string(alg)):
			continue
		case bits == 0:
			return keys.Generate(alg)
		case !rsa:
			return nil, errors.New("--KeySize is for RSA; the other algorithms have one size each")
		}
		key, err := keys.GenerateRSA(alg, bits)
		if err != nil {
			err = fmt.Errorf("--KeySize: %w", err)
		}
		return key, err
	}
	return nil, errors.New("--Algorithm is RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA")
}

// encoding is a value of --OutputTransform.
type encoding struct {
	extension string
	encode    func(jwk []byte) []byte
}

func generateKey(_ context.Context, in *input) error {
	prefix, err := in.fileName("KeyFileNamePrefix")
	if err != nil {
		return err
	}
	as, err := choice(in, "OutputTransform", map[string]encoding{
		"jsonescape": {".json", func(jwk []byte) []byte { b, _ := json.Marshal(string(jwk)); return b }}, // a string always marshals
		"base64":     {".txt", func(jwk []byte) []byte { return base64.StdEncoding.AppendEncode(nil, jwk) }},
	}, "jsonEscape or base64")
	if err != nil {
		return err
	}
	key, err := in.newKey()
	if err != nil {
		return err
	}
	if kid := in.text("KeyCustomKid"); kid != "" {
		if key, err = key.With(keys.Options{KeyID: kid}); err != nil {
			return fmt.Errorf("--KeyCustomKid: %w", err)
		}
	}
	private, err := key.PrivateJWK()
	if err != nil {
		return err
	}
	err = in.writeNew(in.text("KeyDirectory"),
		file{prefix + "_private" + as.extension, as.encode(private), ownerOnly},
		file{prefix + "_public" + as.extension, as.encode(key.PublicKey().JWK()), forAll})
	if err == nil {
		in.tell("Made a key for %s with kid %s.", key.Algorithm(), key.KeyID())
	}
	return err
}

func generateCertificate(ctx context.Context, in *input) error {
	name, err := in.fileName("CertificateCommonName")
	if err != nil {
		return err
	}
	if in.number("ValidityMonths") < 1 {
		return errors.New("--ValidityMonths is 1 or more")
	}
	password, err := in.password("CertificatePassword")
	if err != nil {
		return err
	}
	key, err := in.newKey()
	if err != nil {
		return err
	}
	key, err = certs.SelfSign(ctx, key, certs.Template{Subject: pkix.Name{CommonName: name}, Months: in.number("ValidityMonths")})
	if err != nil {
		return err
	}
	pfx, err := keystore.MarshalPKCS12(key, name, password.Reveal())
	if err != nil {
		return err
	}
	chain := key.Certificates()
	thumbprint := certs.SHA1(chain[0]).Hex()
	err = in.writeNew(in.text("CertificateDirectory"),
		file{name + "_private.pfx", pfx, ownerOnly},
		file{name + "_public.pem", certs.PEM(chain), forAll},
		file{name + "_thumbprint.txt", []byte(thumbprint), forAll})
	if err == nil {
		in.tell("Made a certificate with thumbprint %s, valid until %s.", thumbprint, date(chain[0].NotAfter))
	}
	return err
}
