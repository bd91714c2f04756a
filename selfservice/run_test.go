package selfservice

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/keys"
)

// TestRunRestsForMinutesAtMost: the wall clock that said how long nothing is due
// may have been wrong.
func TestRunRestsForMinutesAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Rotator{Store: &Mem{}}
		require.NoError(t, r.Adopt(t.Context(), Credential{Secret: keys.NewSecret("the secret of a client")}))
		start := time.Now()
		r.rest(t.Context(), start.AddDate(10, 0, 0))
		assert.Equal(t, 15*time.Minute, time.Since(start))
	})
}
