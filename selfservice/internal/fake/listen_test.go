package fake

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// closing counts the calls that close the connections of other tests.
type closing struct {
	http.RoundTripper
	calls int
}

func (c *closing) CloseIdleConnections() { c.calls++ }

// TestListenLeavesOtherConnections: its server ends with its test, and closes
// no connection of http.DefaultTransport to another server.
func TestListenLeavesOtherConnections(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	shared := &closing{RoundTripper: before}
	http.DefaultTransport = shared
	var url string
	t.Run("a test", func(t *testing.T) {
		url = Listen(t, http.NotFoundHandler())
		resp, err := http.Get(url)
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, http.StatusNotFound, resp.StatusCode)
	})
	_, err := http.Get(url)
	assert.Error(t, err)
	assert.Zero(t, shared.calls)
}
