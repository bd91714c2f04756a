package keystore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys/keystest"
)

// An Entry is the only type of this package that holds a private key, and an
// Error the only one that is made next to passwords.
func TestNoTypeShowsASecret(t *testing.T) {
	const password = "hunter2hunter2"
	entries, err := keystore.Parse(testdata(t, "openssl-aes256.p12"), "changeit")
	require.NoError(t, err)
	_, wrong := keystore.Parse(testdata(t, "openssl-aes256.p12"), password)
	require.Error(t, wrong)

	keystest.PackageRedacted(t, map[string][]any{
		"Entry": {entries, entries[0], &entries[0]},
		"Error": {wrong},
	}, append(keystest.Secrets(t, entries[0].Key), []byte(password), []byte("changeit"))...)

	var e *keystore.Error
	require.ErrorAs(t, wrong, &e)
	assert.Equal(t, keystore.ErrPassword, e.Rule)
	assert.Equal(t, "keystore: password not accepted: it does not match, or the keystore is damaged", wrong.Error())
	assert.Equal(t, "keystore: alias not found", (&keystore.Error{Rule: keystore.ErrNotFound}).Error())
}
