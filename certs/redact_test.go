package certs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/keys"
)

// An Entry is the only type of this package that holds a private key, and an
// Error the only one that is made next to passwords.
func TestNothingShowsASecret(t *testing.T) {
	entries, err := certs.Parse(testdata(t, "openssl-aes256.p12"), "changeit")
	require.NoError(t, err)
	_, wrong := certs.Parse(testdata(t, "openssl-aes256.p12"), "hunter2hunter2")
	require.Error(t, wrong)
	private, err := entries[0].Key.PrivateJWK()
	require.NoError(t, err)
	var jwk struct{ D string }
	require.NoError(t, json.Unmarshal(private, &jwk))
	require.NotEmpty(t, jwk.D)
	scalar := fmt.Sprintf("%x", testScalar(t, entries[0].Key))

	var shown bytes.Buffer
	for _, v := range []any{entries, entries[0], &entries[0], wrong} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			fmt.Fprintf(&shown, verb+"\n", v)
		}
		text, err := json.Marshal(v)
		require.NoError(t, err)
		shown.Write(text)
		slog.New(slog.NewTextHandler(&shown, nil)).Info("", "v", v)
		slog.New(slog.NewJSONHandler(&shown, nil)).Info("", "v", v)
	}
	for _, secret := range []string{jwk.D, scalar, "hunter2", "changeit"} {
		assert.NotContains(t, shown.String(), secret)
	}
	assert.NotContains(t, shown.String(), "PrivateKey{")

	var e *certs.Error
	require.ErrorAs(t, wrong, &e)
	assert.Equal(t, certs.ErrPassword, e.Rule)
	assert.Equal(t, "certs: password not accepted: it does not open the keystore, or that is damaged", wrong.Error())
	assert.Equal(t, "certs: alias not found", (&certs.Error{Rule: certs.ErrNotFound}).Error())
}

func testScalar(t *testing.T, key *keys.Key) []byte {
	t.Helper()
	k, ok := key.Signer().(interface{ Bytes() ([]byte, error) })
	require.True(t, ok)
	b, err := k.Bytes()
	require.NoError(t, err)
	return b
}
