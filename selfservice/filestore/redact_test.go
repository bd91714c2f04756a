package filestore_test

import (
	"testing"

	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/stretchr/testify/require"
)

func TestNoTypeShowsASecret(t *testing.T) {
	secret := []byte("the state, and with it a private key")
	dir := filestore.Dir(t.TempDir() + "/key")
	_, err := dir.Save(t.Context(), secret, "")
	require.NoError(t, err)
	keystest.PackageRedacted(t, map[string][]any{
		"Dir":   {dir},
		"Error": {&filestore.Error{Path: string(dir), Rule: filestore.ErrMode}},
	}, secret)
}
