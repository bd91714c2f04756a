package oktatest

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"
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
// An http.Transport by itself repeats a GET whose connection was cut; f sees
// that as one more request.
func (s *Server) Inject(f func(n int, r *http.Request) *Fault) {
	if f == nil {
		s.faults.Store(nil)
		return
	}
	s.faults.Store(&injection{f: f})
}

type injection struct {
	n atomic.Int64
	f func(n int, r *http.Request) *Fault
}

// apply returns false when the request is to be answered truly.
func (f *Fault) apply(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
	select {
	case <-time.After(f.Delay):
	case <-r.Context().Done():
	}
	if f.Execute {
		next.ServeHTTP(httptest.NewRecorder(), r)
	}
	if f.Cut || f.Execute && f.Status == 0 {
		panic(http.ErrAbortHandler)
	}
	if f.Status == 0 {
		return false
	}
	for name, values := range f.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(f.Status)
	w.Write([]byte(f.Body))
	return true
}
