package fake

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Listen serves h on loopback until the test ends, and returns its URL.
func Listen(tb testing.TB, h http.Handler) string {
	server := httptest.NewServer(h)
	tb.Cleanup(func() { Close(server) })
	return server.URL
}

// Close stops a server, and cancels the requests that it is answering. Its own
// Close also closes the idle connections of http.DefaultTransport, which tests
// beside this one use: a request fails if its response has no body and is not
// yet read, as its connection then counts as idle.
func Close(server *httptest.Server) { server.Config.Close() }
