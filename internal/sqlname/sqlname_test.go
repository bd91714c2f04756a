package sqlname

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestValid(t *testing.T) {
	for _, name := range []string{"a", "_", "nokkel_state", "app.state", "a1", strings.Repeat("x", 63), strings.Repeat("x", 63) + "." + strings.Repeat("y", 63)} {
		assert.True(t, Valid(name), name)
	}
	for _, name := range []string{"", ".", "a.", ".a", "a.b.c", "1a", "A", "å", "a b", `"a"`, "a;b", "a-b", "a?", "a\x00", strings.Repeat("x", 64)} {
		assert.False(t, Valid(name), name)
	}
}
