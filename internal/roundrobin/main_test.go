package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRequestsAlternateAndKeepTheirHost(t *testing.T) {
	var servers []string
	for name := range 2 {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%d %s %s %s", name, r.Host, r.URL, body)
		}))
		defer s.Close()
		servers = append(servers, s.URL)
	}
	handler, err := balance(servers)
	require.NoError(t, err)
	proxy := httptest.NewServer(handler)
	defer proxy.Close()
	for i := range 6 { // on one connection
		resp, err := http.Post(proxy.URL+"/a%2Fb?c=d", "text/plain", http.NoBody)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%d %s /a%%2Fb?c=d ", (i+1)%2, proxy.Listener.Addr()), string(body))
	}
}
