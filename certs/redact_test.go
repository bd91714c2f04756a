package certs_test

import (
	"crypto/x509/pkix"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/internal/certstest"
	"github.com/nokkel/nokkel/keys/keystest"
)

func TestNoTypeShowsASecret(t *testing.T) {
	_, err := certs.Parse(nil)
	require.EqualError(t, err, "certs: no certificate: in the PEM text")
	keystest.PackageRedacted(t, map[string][]any{
		"Error":      {err},
		"Template":   {certs.Template{Subject: pkix.Name{CommonName: "app"}}},
		"Thumbprint": {certs.Thumbprint{}},
	}, keystest.Secrets(t, certstest.Client(t, "testdata"))...)
}
