package jwksurl_test

import (
	"context"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/jwksurl"
	"github.com/stretchr/testify/require"
)

func TestNoTypeShowsASecret(t *testing.T) {
	key := keystest.Key(t, keys.ES256)
	refusal := &assertion.Error{Rule: assertion.ErrInvalidClient, Status: 401}
	provider := &jwksurl.Provider{
		URL:   "http://127.0.0.1/jwks",
		Token: func(context.Context, keys.Source) error { return refusal },
	}
	failed := provider.Verify(t.Context(), selfservice.Credential{Key: key})
	require.ErrorIs(t, failed, selfservice.ErrInvalidClient)
	keystest.PackageRedacted(t, map[string][]any{"Provider": {provider, failed}}, keystest.Secrets(t, key)...)
}
