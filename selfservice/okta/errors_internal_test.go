package okta

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestDetailIsOnePrintableLine has what Okta would never say in an id or a method.
func TestDetailIsOnePrintableLine(t *testing.T) {
	for _, said := range []string{"\x1b[2J", "a\nb", "\u202e", strings.Repeat("x", 1000)} {
		for _, err := range []*Error{refuse(ErrInactive, "key "+said), refuse(ErrForbidden, "").because(ErrMethod, "by "+said)} {
			assert.Less(t, len(err.Error()), 400)
			assert.NotContains(t, err.Error(), "\x1b")
			assert.NotContains(t, err.Error(), "\n")
			assert.NotContains(t, err.Error(), "\u202e")
		}
	}
}
