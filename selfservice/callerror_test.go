package selfservice_test

import (
	"io"
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/stretchr/testify/assert"
)

// TestCallErrorWrapsNoNil: code that prints a chain of errors panics at a nil.
func TestCallErrorWrapsNoNil(t *testing.T) {
	for _, e := range []*selfservice.CallError{{}, {Rule: selfservice.ErrLimit}, {Err: io.EOF}, {Rule: selfservice.ErrLimit, Err: io.EOF}} {
		assert.NotContains(t, e.Unwrap(), nil)
		for _, err := range []error{e.Rule, e.Err} {
			if err != nil {
				assert.ErrorIs(t, e, err)
			}
		}
		assert.NotErrorIs(t, e, io.ErrUnexpectedEOF)
	}
}
