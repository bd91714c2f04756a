package certs_test

import (
	"bytes"
	"encoding/pem"
	"testing"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/internal/certstest"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseErrors(t *testing.T) {
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{0x30, 0}})
	chain := certs.PEM(certstest.Client(t, "testdata").Certificates())
	chain[bytes.LastIndex(chain, []byte("MII"))] = '*'
	for rule, c := range map[string]struct {
		data []byte
		want error
	}{
		"one damaged block":  {chain, keys.ErrMalformed},
		"no certificate":     {certstest.Read(t, "testdata/client.pub"), certs.ErrNoCertificate},
		"broken certificate": {broken, keys.ErrMalformed},
		"over 1 MiB":         {make([]byte, 1<<20+1), keys.ErrTooLarge},
	} {
		t.Run(rule, func(t *testing.T) {
			_, err := certs.Parse(c.data)
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestParsePEMAndDER(t *testing.T) {
	want := certstest.Client(t, "testdata").Certificates()
	var der []byte
	for _, c := range want {
		der = append(der, c.Raw...)
	}
	for form, data := range map[string][]byte{
		"PEM": certs.PEM(want), "DER": der,
		"PEM with a byte order mark": append([]byte("\ufeff"), certs.PEM(want)...),
	} {
		got, err := certs.Parse(data)
		require.NoError(t, err, form)
		assert.Equal(t, want, got, form)
	}
}

func TestParseErrorsNameTheKeystorePackage(t *testing.T) {
	for name, kind := range map[string]string{
		"openssl-aes256.p12": "PKCS#12", "openssl-certificate.p12": "PKCS#12", "keycloak-26.7.4.p12": "PKCS#12",
		"keytool-two.JKS": "JKS", "keytool.JCEKS": "JCEKS",
	} {
		_, err := certs.Parse(certstest.Read(t, "keystore/testdata/"+name))
		require.ErrorIs(t, err, keys.ErrUnsupported, name)
		assert.EqualError(t, err, "certs: unsupported: a "+kind+" keystore; package certs/keystore reads it")
	}
}
