package oktatest

import (
	"net/http"
	"time"
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
