package oktatest

import (
	"net/http"
	"time"

	"github.com/nokkel/nokkel/selfservice/internal/fake"
)

// Fault is what goes wrong with one request.
type Fault struct {
	Delay   time.Duration // before anything else
	Execute bool          // the request is carried out first; its answer is lost in any case
	Cut     bool          // the connection is cut in place of an answer
	Status  int           // of the answer in place of the true one; zero: see above, or the true one after Delay
	Header  http.Header   // of that answer
	Body    string        // of that answer
}

// Inject makes requests fail: f is called for each request from now on, with
// its number (1 is the first one after this call), and returns nil to let it
// pass. It may be called from many goroutines and must not read the body. A
// nil f ends the injection.
//
// An http.Transport repeats a GET by itself if its connection was cut; f sees
// that as another request.
func (s *Server) Inject(f func(n int, r *http.Request) *Fault) {
	if f == nil {
		s.faults.Inject(nil)
		return
	}
	s.faults.Inject(func(n int, r *http.Request) *fake.Fault { return (*fake.Fault)(f(n, r)) })
}
