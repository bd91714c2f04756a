package admin_test

import (
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCarryOverRefusesWhatTheServerWouldTake(t *testing.T) {
	secret := keys.NewSecret("0123456789012345678901234567890123456789")
	other := keys.NewSecret("9876543210987654321098765432109876543210")
	for name, test := range map[string]struct {
		old, next         keys.Secret
		lifetime, overlap time.Duration
		want              error
	}{
		"the same secret":         {secret, secret, day, time.Hour, admin.ErrConfig},
		"no old secret":           {keys.Secret{}, secret, day, time.Hour, admin.ErrConfig},
		"a mask":                  {secret, keys.NewSecret("**********"), day, time.Hour, admin.ErrMasked},
		"a short secret":          {secret, keys.NewSecret("short"), day, time.Hour, admin.ErrConfig},
		"no overlap":              {secret, other, day, 0, admin.ErrConfig},
		"overlap over lifetime":   {secret, other, time.Hour, day, admin.ErrConfig},
		"overlap is the lifetime": {secret, other, day, day, admin.ErrConfig},
	} {
		t.Run(name, func(t *testing.T) {
			err := unasked(t).CarryOver(t.Context(), "id", test.old, test.next, test.lifetime, test.overlap)
			require.ErrorIs(t, err, test.want)
			assert.NotContains(t, err.Error(), secret.Reveal())
		})
	}
}

// TestASecretOfAnUpdateIsAsStrongAsOfCarryOver checks the strength here, as the
// server accepts any secret.
func TestASecretOfAnUpdateIsAsStrongAsOfCarryOver(t *testing.T) {
	for _, weak := range []string{"x", "0123456789012345678901234567890"} {
		require.ErrorIs(t, unasked(t).UpdateClient(t.Context(), "id", admin.Change{Secret: keys.NewSecret(weak)}), admin.ErrConfig)
	}
}
