package admin_test

import (
	"testing"

	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAJWKSURLIsOneThatCanBeFetched checks the URL here, as the server stores any.
func TestAJWKSURLIsOneThatCanBeFetched(t *testing.T) {
	for _, address := range []string{
		"", "::::", "javascript:alert(1)", "ftp://example.no/jwks.json", "http://example.no/jwks.json", "jwks.json", "/jwks.json",
		"https://user:password@example.no/jwks.json", "https://example.no/jwks.json#part", "https:///jwks.json", "https://example.no/jwks.json#",
	} {
		err := unasked(t).SetJWKSURL(t.Context(), "id", address)
		require.ErrorIs(t, err, admin.ErrConfig, address)
		assert.NotContains(t, err.Error(), "password")
	}
}
