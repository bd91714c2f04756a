package helseidtest

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/nokkel/nokkel/selfservice/internal/fake"
)

// Fault is what goes wrong with one request.
type Fault struct {
	Delay   time.Duration // before anything else
	Execute bool          // carries the request out first; its answer is lost
	Cut     bool          // closes the connection without an answer
	Status  int           // of an answer that replaces the true one; zero: as above, or the true one after Delay
	Header  http.Header   // of that answer
	Body    string        // of that answer
}

// Inject makes requests fail. From now on f is called for each request, with its
// number from 1 on, and returns nil to let it pass. It may be called from many
// goroutines and must not read the body. A nil f ends the injection.
//
// An http.Transport repeats a GET by itself if its connection was cut; f sees
// that as another request.
func (s *Server) Inject(f func(n int, r *http.Request) *Fault) {
	s.faults.Inject(f)
}

// Nth returns a function for [Server.Inject] that makes one request fail.
func Nth(n int, f Fault) func(int, *http.Request) *Fault {
	return func(i int, _ *http.Request) *Fault {
		if i == n {
			return &f
		}
		return nil
	}
}

// Every returns a function for [Server.Inject] that makes every n-th request
// fail.
func Every(n int, f Fault) func(int, *http.Request) *Fault {
	return func(i int, _ *http.Request) *Fault {
		if i%n == 0 {
			return &f
		}
		return nil
	}
}

// Problem returns a fault whose answer is problem details (RFC 9457).
func Problem(status int, title, detail string) Fault {
	body, _ := json.Marshal(map[string]any{"type": "about:blank", "title": title, "status": status, "detail": detail})
	return Fault{Status: status, Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: string(body)}
}

// faulty counts requests and makes faults.
func (s *Server) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.counters.requests.Add(1)
		if s.Skew != 0 {
			w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
		}
		f := s.faults.Of(r)
		if f != nil {
			s.counters.faults.Add(1)
		}
		fake.Serve(f, w, r, next)
	})
}
