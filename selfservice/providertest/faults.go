package providertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/nokkel/nokkel/selfservice"
)

// Fault is what happens at one point of input or output.
type Fault string

// The faults. A crash ends the process at that instant; the store and the
// server keep what reached them.
const (
	None        Fault = "none"
	ErrorBefore Fault = "error before" // nothing was sent
	ErrorAfter  Fault = "error after"  // carried out, and the reply lost
	CrashBefore Fault = "crash before"
	CrashAfter  Fault = "crash after"
)

// busy answers every request with 503, without the server.
const busy Fault = "busy"

var errInjected = errors.New("providertest: injected fault")

// IO counts the points of input and output of a rotation and makes a fault at one
// of them. A provider under test sends every request through
// [IO.Do] or [IO.Transport].
type IO struct {
	mu      sync.Mutex
	points  []point
	at      int // the point of the fault; 0: none, everyPoint
	fault   Fault
	version func() string      // of what is stored; nil: there is no store
	after   func(point string) // checks what must hold at every instant
}

// point is one call.
type point struct {
	name    string
	version string // of what was stored at the time
}

const everyPoint = -1

// Do makes one call. Point names it in reports.
func (o *IO) Do(point string, call func() error) error {
	fault := o.enter(point)
	switch fault {
	case ErrorBefore:
		return errInjected
	case CrashBefore:
		runtime.Goexit()
	}
	err := call()
	if o.after != nil {
		o.after(point)
	}
	switch fault {
	case ErrorAfter:
		return errInjected
	case CrashAfter:
		runtime.Goexit()
	}
	return err
}

// enter returns the fault of the next point.
func (o *IO) enter(name string) Fault {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := point{name: name}
	if o.version != nil {
		p.version = o.version()
	}
	o.points = append(o.points, p)
	if o.at == len(o.points) || o.at == everyPoint {
		return o.fault
	}
	return None
}

// Transport returns a RoundTripper whose every request is a point of its own.
func (o *IO) Transport(base http.RoundTripper) http.RoundTripper {
	return transport{o, base}
}

type transport struct {
	io   *IO
	base http.RoundTripper
}

func (t transport) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	if t.io.at == everyPoint && t.io.fault == busy {
		t.io.enter(req.Method + " " + req.URL.Path)
		return unavailable(req), nil
	}
	doErr := t.io.Do(req.Method+" "+req.URL.Path, func() error {
		resp, err = t.base.RoundTrip(req)
		return nil
	})
	if doErr != nil {
		if resp != nil {
			resp.Body.Close()
		}
		return nil, doErr
	}
	return resp, err
}

// retryAfter is the Retry-After of a busy server.
const retryAfter = 7 * time.Second

func unavailable(req *http.Request) *http.Response {
	if req.Body != nil {
		req.Body.Close()
	}
	return &http.Response{
		StatusCode: http.StatusServiceUnavailable, Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Retry-After": {strconv.Itoa(int(retryAfter.Seconds()))}}, Body: http.NoBody,
	}
}

// Handler returns a RoundTripper that calls h in this goroutine: a server
// without a network, which also works inside a testing/synctest bubble.
func Handler(h http.Handler) http.RoundTripper { return handler{h} }

type handler struct{ http.Handler }

func (h handler) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	in := req.Clone(req.Context())
	in.RequestURI, in.Host = req.URL.RequestURI(), req.URL.Host
	in.RemoteAddr = "127.0.0.1:1"
	if in.Body == nil {
		in.Body = http.NoBody
	} else {
		defer req.Body.Close()
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(w, in)
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Header: w.header, Request: req,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
	}, nil
}

type recorder struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }
func (w *recorder) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
}
func (w *recorder) Write(b []byte) (int, error) {
	w.wrote = true
	return w.body.Write(b)
}

// Store returns a store whose every call is a point, for providers that keep
// something themselves.
func (o *IO) Store(base selfservice.Store) selfservice.Store { return store{o, base} }

type store struct {
	io   *IO
	base selfservice.Store
}

func (s store) Load(ctx context.Context) (blob []byte, version string, err error) {
	if doErr := s.io.Do("load", func() error { blob, version, err = s.base.Load(ctx); return nil }); doErr != nil {
		return nil, "", doErr
	}
	return blob, version, err
}

func (s store) Save(ctx context.Context, blob []byte, version string) (next string, err error) {
	if doErr := s.io.Do("save", func() error { next, err = s.base.Save(ctx, blob, version); return nil }); doErr != nil {
		return "", doErr
	}
	return next, err
}
