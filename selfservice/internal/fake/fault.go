package fake

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"
)

// Fault is what every fake's own type Fault consists of. Their documentation
// says what the fields mean.
type Fault = struct {
	Delay   time.Duration
	Execute bool
	Cut     bool
	Status  int
	Header  http.Header
	Body    string
}

// Faults makes requests fail with a fake's own type of fault. The zero value
// makes none fail.
type Faults[F ~Fault] struct{ now atomic.Pointer[injection[F]] }

type injection[F ~Fault] struct {
	n atomic.Int64
	f func(n int, r *http.Request) *F
}

// Inject makes f decide the fault of each request from now on. It numbers them from
// 1. A nil f ends that; a nil fault lets one request pass.
func (i *Faults[F]) Inject(f func(n int, r *http.Request) *F) {
	if f == nil {
		i.now.Store(nil)
		return
	}
	i.now.Store(&injection[F]{f: f})
}

// Of returns the fault of a request, or nil. It must be called once for each.
func (i *Faults[F]) Of(r *http.Request) *F {
	if now := i.now.Load(); now != nil {
		return now.f(int(now.n.Add(1)), r)
	}
	return nil
}

// Serve answers a request with a fault. A nil fault leaves it to next.
func Serve[F ~Fault](fault *F, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if fault == nil {
		next.ServeHTTP(w, r)
		return
	}
	f := Fault(*fault)
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
