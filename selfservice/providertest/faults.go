package providertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"sync"

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

var errInjected = errors.New("providertest: injected fault")

// IO counts the points at which a rotation touches the world and makes a
// fault at one of them. A provider under test sends every request through
// [IO.Do] or [IO.Transport].
type IO struct {
	mu     sync.Mutex
	points []string
	at     int // the point of the fault; 0: none
	fault  Fault
	after  func(point string) // checks what must hold at every instant
}

// Do makes one call. Point names it in reports.
func (o *IO) Do(point string, call func() error) error {
	o.mu.Lock()
	o.points = append(o.points, point)
	fault := None
	if len(o.points) == o.at {
		fault = o.fault
	}
	o.mu.Unlock()

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

// Transport returns a RoundTripper whose every request is a point of its own.
func (o *IO) Transport(base http.RoundTripper) http.RoundTripper {
	return transport{o, base}
}

type transport struct {
	io   *IO
	base http.RoundTripper
}

func (t transport) RoundTrip(req *http.Request) (resp *http.Response, err error) {
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
