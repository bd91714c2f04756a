package oktatest

import (
	"net/http"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/selfservice/internal/fake"
)

// The buckets of the rate limit.
const (
	bucketApps  = "/api/v1/apps" // and their credentials
	bucketApp   = "/api/v1/apps/{id}"
	bucketToken = "/oauth2/v1/token"

	bucketPublic = "/.well-known" // and keys
)

type bucket struct {
	start time.Time
	count int
}

// limited counts a request. It refuses one too many in a minute, and reports
// whether it did.
func (s *Server) limited(w http.ResponseWriter, name string) bool {
	now := time.Now()
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	s.counter++
	w.Header().Set("X-Okta-Request-Id", "req"+strconv.Itoa(s.counter))
	b := s.buckets[name]
	if b == nil || now.Sub(b.start) >= time.Minute {
		b = &bucket{start: now}
		s.buckets[name] = b
	}
	b.count++
	limit := 600
	if s.Limit > 0 {
		limit = s.Limit
	}
	w.Header().Set("X-Rate-Limit-Limit", strconv.Itoa(limit))
	w.Header().Set("X-Rate-Limit-Remaining", strconv.Itoa(max(limit-b.count, 0)))
	w.Header().Set("X-Rate-Limit-Reset", strconv.FormatInt(b.start.Add(time.Minute).Unix(), 10))
	if s.Limit == 0 || b.count <= s.Limit {
		return false
	}
	s.tooMany(w)
	return true
}

func (s *Server) tooMany(w http.ResponseWriter) {
	if s.Doubts.NonceOnLimit {
		w.Header().Set("DPoP-Nonce", s.nonce())
	}
	fail(w, http.StatusTooManyRequests, "E0000047", "API call exceeded rate limit due to too many requests.")
}

// serve limits concurrent requests and makes faults.
func (s *Server) serve(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n := s.inFlight.Add(1)
		defer s.inFlight.Add(-1)
		if s.Concurrent > 0 && n > int64(s.Concurrent) {
			now := time.Now()
			w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
			w.Header().Set("X-Rate-Limit-Limit", "0")
			w.Header().Set("X-Rate-Limit-Remaining", "0")
			w.Header().Set("X-Rate-Limit-Reset", strconv.FormatInt(now.Add(time.Minute).Unix(), 10))
			s.tooMany(w)
			return
		}
		fake.Serve(s.faults.Of(r), w, r, next)
	}
}
