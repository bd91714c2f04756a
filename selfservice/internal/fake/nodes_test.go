package fake

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBalancerByRequest(t *testing.T) {
	var b Balancer
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	var got []int
	for range 7 {
		got = append(got, b.Node(r, 3, false))
	}
	assert.Equal(t, []int{0, 1, 2, 0, 1, 2, 0}, got)
	for _, nodes := range []int{-1, 0, 1} {
		assert.Zero(t, new(Balancer).Node(r, nodes, true))
	}
}

// TestBalancerByConnection: the requests of one connection go to one node, up to the
// request that closes it.
func TestBalancerByConnection(t *testing.T) {
	var b Balancer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, b.Node(r, 3, true)) }))
	defer server.Close()
	ask := func(transport *http.Transport, last bool) (node int) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		req.Close = last
		resp, err := transport.RoundTrip(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		_, err = fmt.Fscan(resp.Body, &node)
		require.NoError(t, err)
		return node
	}
	one, other := &http.Transport{}, &http.Transport{}
	defer one.CloseIdleConnections()
	defer other.CloseIdleConnections()
	for range 4 {
		require.Equal(t, 0, ask(one, false))
		require.Equal(t, 1, ask(other, false))
	}
	assert.Equal(t, 0, ask(one, true), "on the open connection")
	var apart []int
	for range 6 {
		apart = append(apart, ask(one, true))
	}
	assert.Equal(t, []int{2, 0, 1, 2, 0, 1}, apart)
	assert.Equal(t, 1, ask(other, false))
}

func TestBalancerForgetsConnections(t *testing.T) {
	var b Balancer
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := range 3 * maxConns {
		r.RemoteAddr = strconv.Itoa(i)
		b.Node(r, 2, true)
		require.LessOrEqual(t, len(b.conns), maxConns)
	}
}

func TestHistory(t *testing.T) {
	var h History[string]
	start := time.Date(2027, 2, 20, 12, 0, 0, 0, time.UTC)
	assert.Empty(t, h.At(start))
	for i, value := range []string{"a", "b", "c"} {
		h.Add(start.Add(time.Duration(i)*time.Minute), value, 90*time.Second)
	}
	for ago, want := range map[time.Duration]string{0: "c", time.Second: "b", time.Minute: "b", 61 * time.Second: "a", time.Hour: "a"} {
		assert.Equal(t, want, h.At(start.Add(2*time.Minute-ago)), ago)
	}
	h.Add(start.Add(10*time.Minute), "d", 90*time.Second)
	assert.Equal(t, "c", h.At(start), "older versions are dropped")
}
