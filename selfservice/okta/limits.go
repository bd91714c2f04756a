package okta

import (
	"net/http"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/internal/retryafter"
	"github.com/nokkel/nokkel/keys"
)

// limits turns Okta's rate-limit headers into Retry-After (RFC 9110 §10.2.3), by
// which the rest of this module waits.
type limits struct{ base http.RoundTripper }

func (t limits) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(req)
	if err == nil {
		askToWait(resp.StatusCode, resp.Header)
	}
	return resp, err
}

// askToWait sets Retry-After where Okta says in its own way how long to wait.
func askToWait(status int, h http.Header) {
	if status != http.StatusTooManyRequests || h.Get("Retry-After") != "" {
		return
	}
	if wait := limitWait(h, time.Now()); wait > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64(wait/time.Second), 10))
	}
}

// limited is a Prover whose answers have the Retry-After of [limits]. It wraps
// the Prover, not the base, since a nil base is the Prover's own.
type limited struct{ *dpop.Prover }

func (p limited) Bind(base http.RoundTripper, key *keys.Key) http.RoundTripper {
	return limits{p.Prover.Bind(base, key)}
}

// concurrencyWait is how long to wait after too many concurrent requests: they
// end within seconds, and the reset time does not apply to them.
const concurrencyWait = time.Second

// limitWait is how long to wait after a 429, in whole seconds: until
// X-Rate-Limit-Reset by the server's own clock, and one more. Zero where the
// server does not say.
func limitWait(h http.Header, now time.Time) time.Duration {
	if concurrency(h) {
		return concurrencyWait
	}
	reset, err := strconv.ParseInt(h.Get("X-Rate-Limit-Reset"), 10, 64)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	const longest = int64(retryafter.Max / time.Second)
	seconds := min(max(reset, now.Unix()), now.Unix()+longest) - now.Unix() // before the difference can overflow
	return time.Duration(seconds+1) * time.Second
}

// concurrency reports whether the limit of concurrent requests was reached, not
// that of requests a minute: it has no numbers.
func concurrency(h http.Header) bool {
	return h.Get("X-Rate-Limit-Limit") == "0" && h.Get("X-Rate-Limit-Remaining") == "0"
}
