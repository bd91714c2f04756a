package main

import (
	"context"
	"crypto/x509/pkix"
	"errors"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
)

const aboutGenerateCertificate = `Writes, named after the common name, and prints the paths of:
  <name>_private.pfx     key and certificate (PKCS#12) under the password
  <name>_public.pem      the certificate, to hand in
  <name>_thumbprint.txt  its SHA-1 thumbprint, as Windows and .NET show it
The .pfx opens in Windows Server 2019, Java 12, OpenSSL 1.1.1 and later. Files
that exist are never replaced.

The password may also come from the environment variable CLIENTKEYS_PASSWORD
or from a file; other users of the machine cannot see those.`

// passwordVariable holds the password where no option gives it.
const passwordVariable = "CLIENTKEYS_PASSWORD"

// generateCertificate is the command generatecertificate.
type generateCertificate struct {
	newKey
	commonName, password, passwordPath, dir string
	months                                  int
}

func (g *generateCertificate) declare(o *options) {
	o.required(&g.commonName, "CertificateCommonName", "cn", "whom the certificate is for")
	o.secret(&g.password, "CertificatePassword", "pwd", "password of the .pfx")
	o.path(&g.passwordPath, "CertificatePasswordPath", "pwdp", "file that holds the password")
	o.path(&g.dir, "CertificateDirectory", "dir", "where the files go; made if missing (default: the current directory)")
	o.number(&g.months, "ValidityMonths", "vm", "how long the certificate is valid, in months (default 24)")
	g.newKey.declare(o)
}

func (g *generateCertificate) run(ctx context.Context, c *console) error {
	if err := checkFileName("CertificateCommonName", g.commonName); err != nil {
		return err
	}
	if g.months < 1 {
		return errors.New("--ValidityMonths is 1 or more")
	}
	password, err := g.readPassword(c)
	if err != nil {
		return err
	}
	key, err := g.make()
	if err != nil {
		return err
	}
	key, err = certs.SelfSign(ctx, key, certs.Template{Subject: pkix.Name{CommonName: g.commonName}, Months: g.months})
	if err != nil {
		return err
	}
	pfx, err := keystore.MarshalPKCS12(key, g.commonName, password)
	if err != nil {
		return err
	}
	chain := key.Certificates()
	thumbprint := certs.SHA1(chain[0]).Hex()
	err = writeNew(c, g.dir,
		file{name: g.commonName + "_private.pfx", content: pfx},
		file{name: g.commonName + "_public.pem", content: certs.PEM(chain), public: true},
		file{name: g.commonName + "_thumbprint.txt", content: []byte(thumbprint), public: true})
	if err != nil {
		return err
	}
	c.tell("Made a certificate with thumbprint %s, valid until %s.", thumbprint, date(chain[0].NotAfter))
	return nil
}

func (g *generateCertificate) readPassword(c *console) (string, error) {
	switch {
	case g.password != "" && g.passwordPath != "":
		return "", errors.New("give one of --CertificatePassword and --CertificatePasswordPath")
	case g.password != "":
		c.tell("Note: every user of this machine can read the arguments of a program; %s or --CertificatePasswordPath keeps the password out of them.", passwordVariable)
		return g.password, nil
	}
	password, err := readSecret("CertificatePasswordPath", g.passwordPath, passwordVariable)
	if err == nil && password.IsZero() {
		err = errors.New("missing --CertificatePassword, --CertificatePasswordPath or " + passwordVariable)
	}
	return password.Reveal(), err
}
