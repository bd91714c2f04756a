package dcr

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExpiryOfAnySpelling checks that a secret which expires is not taken for one
// that never does (RFC 7591 §3.2.1 has zero for that), however the number is
// written.
func TestExpiryOfAnySpelling(t *testing.T) {
	for text, want := range map[string]int64{
		`1893456000`: 1893456000, `1893456000.5`: 1893456000, `1.893456e9`: 1893456000, `"1893456000"`: 1893456000,
		`0.5`: 0, `0`: 0, `-1`: 0, `null`: 0, `"soon"`: 0, `{}`: 0, `true`: 0, `253402300799`: 253402300799, `253402300800`: 0, `1e300`: 0, `1e999`: 0,
	} {
		a, ok := readAnswer([]byte(`{"client_secret":"s","client_secret_expires_at":` + text + `}`))
		require.True(t, ok, text)
		_, registration := a.credential()
		_, err := json.Marshal(registration.Expires) // as the state does it; a failure would lose the secret
		require.NoError(t, err, text)
		if want == 0 {
			assert.True(t, registration.Expires.IsZero(), text)
		} else {
			assert.Equal(t, want, registration.Expires.Unix(), text)
		}
	}
}
