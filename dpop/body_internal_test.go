package dpop

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// attempts returns the bodies of two attempts. The server responded to the first
// before it had read the body.
func attempts(t *testing.T, text string) (first, second io.ReadCloser) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://a.example/", io.MultiReader(strings.NewReader(text)))
	require.NoError(t, err)
	b := newBody(req)
	first, err = b.next()
	require.NoError(t, err)
	_, err = io.ReadFull(first, make([]byte, len(text)/2))
	require.NoError(t, err)
	second, err = b.next()
	require.NoError(t, err)
	return first, second
}

// Bytes read by a finished attempt would be missing in the next one.
func TestFinishedAttemptReadsNothing(t *testing.T) {
	first, second := attempts(t, "0123456789")
	_, err := first.Read(make([]byte, 1))
	require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
	whole, err := io.ReadAll(second)
	require.NoError(t, err)
	assert.Equal(t, "0123456789", string(whole))
}

// The last read of the first attempt exceeds the limit after the retry was decided.
func TestBodyIsNeverSentWithoutItsBeginning(t *testing.T) {
	_, second := attempts(t, strings.Repeat("x", 4*maxReplay))
	n, err := second.Read(make([]byte, 1))
	require.ErrorIs(t, err, ErrBody)
	assert.Zero(t, n)
}
