package helseidtest

import (
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/require"
)

func TestNoTypeShowsASecret(t *testing.T) {
	s := NewHandler("http://localhost")
	key := keystest.Key(t, keys.ES256)
	s.AddClient("app", key.PublicKey())
	d, err := s.issuer.key.Bytes()
	require.NoError(t, err)
	keystest.PackageRedacted(t, map[string][]any{
		"Counts":      {s.Counts()},
		"Fault":       {Problem(http.StatusTeapot, "", "")},
		"Refusal":     {KeyWeak},
		"Replacement": {AtOnce},
		"Server":      {s},
	}, append(keystest.Secrets(t, key), []byte(s.secret.Reveal()), []byte(s.issuer.secret.Reveal()), d)...)
}
