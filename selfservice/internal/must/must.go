// Package must calls a Store in tests that have no use for an error.
package must

import (
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/stretchr/testify/require"
)

// Save saves blob over version and returns the next version.
func Save(t testing.TB, s selfservice.Store, blob, version string) (next string) {
	t.Helper()
	next, err := s.Save(t.Context(), []byte(blob), version)
	require.NoError(t, err)
	return next
}

// Load returns what the store holds.
func Load(t testing.TB, s selfservice.Store) (blob, version string) {
	t.Helper()
	b, version, err := s.Load(t.Context())
	require.NoError(t, err)
	return string(b), version
}
