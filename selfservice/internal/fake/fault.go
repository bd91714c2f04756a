package fake

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"
)

// Fault is what goes wrong with one request. Each fake has a type of its own with
// these fields.
type Fault struct {
	Delay   time.Duration // before anything else
	Execute bool          // carries the request out first; its answer is lost
	Cut     bool          // closes the connection without an answer
	Status  int           // of an answer that replaces the true one; zero: as above, or the true one
	Header  http.Header   // of that answer
	Body    string        // of that answer
}

// Faults makes requests fail. The zero value makes none.
type Faults struct{ now atomic.Pointer[injection] }

type injection struct {
	n atomic.Int64
	f func(n int, r *http.Request) *Fault
}

// Inject makes f decide the fault of each request from now on. It numbers them from
// 1. A nil f ends that, as does a nil fault for one request.
func (i *Faults) Inject(f func(n int, r *http.Request) *Fault) {
	if f == nil {
		i.now.Store(nil)
		return
	}
	i.now.Store(&injection{f: f})
}

// Of returns the fault of a request, or nil. It must be called once for each.
func (i *Faults) Of(r *http.Request) *Fault {
	if now := i.now.Load(); now != nil {
		return now.f(int(now.n.Add(1)), r)
	}
	return nil
}

// Serve answers a request with the fault. A nil Fault leaves it to next.
func (f *Fault) Serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if f == nil {
		next.ServeHTTP(w, r)
		return
	}
	select {
	case <-time.After(f.Delay):
	case <-r.Context().Done():
	}
	if f.Execute {
		next.ServeHTTP(httptest.NewRecorder(), r)
	}
	switch {
	case f.Cut || f.Execute && f.Status == 0:
		panic(http.ErrAbortHandler)
	case f.Status == 0:
		next.ServeHTTP(w, r)
		return
	}
	for name, values := range f.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(f.Status)
	w.Write([]byte(f.Body))
}
