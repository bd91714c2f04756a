package fake

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"
)

// Fault is what goes wrong with one request. The fakes have it as a type of
// their own, with the same fields.
type Fault struct {
	Delay   time.Duration // before anything else
	Execute bool          // the request is carried out first; its answer is lost in any case
	Cut     bool          // the connection is cut in place of an answer
	Status  int           // of the answer in place of the true one; zero: see above, or the true one after Delay
	Header  http.Header   // of that answer
	Body    string        // of that answer
}

// Faults makes requests fail. The zero value makes none.
type Faults struct{ now atomic.Pointer[injection] }

type injection struct {
	n atomic.Int64
	f func(n int, r *http.Request) *Fault
}

// Inject has f asked for the fault of each request from now on, with its number
// from 1 on; nil is none.
func (i *Faults) Inject(f func(n int, r *http.Request) *Fault) {
	if f == nil {
		i.now.Store(nil)
		return
	}
	i.now.Store(&injection{f: f})
}

// Of returns the fault of a request, nil if there is none. It is asked once for
// each.
func (i *Faults) Of(r *http.Request) *Fault {
	if now := i.now.Load(); now != nil {
		return now.f(int(now.n.Add(1)), r)
	}
	return nil
}

// Serve makes the fault of a request that next would answer. A nil Fault is
// none.
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
