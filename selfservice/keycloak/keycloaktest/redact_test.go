package keycloaktest

import (
	"testing"

	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/require"
)

func TestNoTypeShowsASecret(t *testing.T) {
	server := Start(t)
	token, err := server.Admin().Token(t.Context())
	require.NoError(t, err)
	keystest.PackageRedacted(t, map[string][]any{"Server": {server}}, []byte(token.AccessToken.Reveal()), []byte(AdminSecret))
}
