// Package retryafter reads how long a server asks to wait.
package retryafter

import (
	"net/http"
	"strconv"
	"time"
)

// Max is the longest wait that is believed. A server that needs longer says so
// again; one that is wrong must not stop a client for a day.
const Max = time.Hour

// Of reads Retry-After (RFC 9110 §10.2.3); zero where there is none. A date is
// measured from the server's own Date, so that the clock of this machine does
// not count.
func Of(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0
	}
	if s, err := strconv.ParseUint(value, 10, 63); err == nil {
		return time.Duration(min(s, uint64(Max/time.Second))) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now := time.Now()
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(until.Sub(now), 0), Max)
}
