package dpop

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

const maxReplay = 1 << 20 // bytes kept of a body that has no GetBody

// body gives a request's body to one attempt after the other and closes it
// when the last attempt is done with it. With GetBody each attempt gets a new
// one. Without it the first attempt streams the caller's body and what it
// reads is kept, up to maxReplay, so that the next can start over; a body that
// outgrows this is still sent, once.
type body struct {
	req  *http.Request
	sent int // attempts so far
	tape *tape
}

func newBody(req *http.Request) *body {
	b := &body{req: req}
	if !b.empty() && req.GetBody == nil {
		b.tape = &tape{src: req.Body, close: sync.OnceValue(req.Body.Close), limit: maxReplay}
		if req.ContentLength > maxReplay {
			b.tape.limit = 0 // it will not fit; why keep any
		}
	}
	return b
}

func (b *body) empty() bool { return b.req.Body == nil || b.req.Body == http.NoBody }

// next returns the body for one more attempt.
func (b *body) next() (io.ReadCloser, error) {
	b.sent++
	switch {
	case b.tape != nil:
		return b.tape.rewind(), nil
	case b.sent == 1 || b.empty():
		return b.req.Body, nil
	}
	return b.req.GetBody()
}

// replayable reports whether next would return the whole body again.
func (b *body) replayable() bool { return b.tape == nil || !b.tape.torn.Load() }

// done says that there will be no other attempt. The last one may go on
// reading: a server can answer before it has seen the whole body.
func (b *body) done() {
	switch {
	case b.tape != nil:
		b.tape.finish()
	case b.sent == 0 && b.req.Body != nil:
		b.req.Body.Close()
	}
}

// tape keeps what is read of src.
type tape struct {
	src     io.Reader
	close   func() error // of src, once
	limit   int64        // bytes kept at most
	torn    atomic.Bool  // more was read: no way back
	last    atomic.Bool  // no attempt follows the current one
	current atomic.Pointer[tapeReader]

	// An attempt that was answered early may be inside src.Read while the
	// next one begins; mu keeps them apart. It is never held for Close, which
	// must be able to interrupt a Read.
	mu   sync.Mutex
	kept []byte
	read int64 // bytes of src so far
	end  error // what src ended with
}

// tapeReader is the body of one attempt.
type tapeReader struct {
	tape   *tape
	at     int64
	closed atomic.Bool
}

// rewind ends the current attempt's reading and begins another.
func (t *tape) rewind() *tapeReader {
	r := &tapeReader{tape: t}
	t.current.Store(r)
	return r
}

func (t *tape) finish() {
	t.last.Store(true)
	if r := t.current.Load(); r == nil || r.closed.Load() {
		t.close()
	}
}

// Read gives what is kept and then more of the source.
func (r *tapeReader) Read(p []byte) (int, error) {
	t := r.tape
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case r.closed.Load() || t.current.Load() != r:
		return 0, http.ErrBodyReadAfterClose
	case r.at < int64(len(t.kept)):
		n := copy(p, t.kept[r.at:])
		r.at += int64(n)
		return n, nil
	case r.at < t.read: // the attempt before tore the tape with its last Read
		return 0, refuse(ErrBody, "")
	case t.end != nil:
		return 0, t.end
	}
	n, err := t.src.Read(p)
	t.end = err
	t.read += int64(n)
	r.at = t.read
	if t.read > t.limit {
		t.torn.Store(true)
	}
	if t.torn.Load() {
		t.kept = nil
	} else {
		t.kept = append(t.kept, p[:n]...)
	}
	return n, err
}

// Close closes the source too when no attempt follows.
func (r *tapeReader) Close() error {
	r.closed.Store(true)
	if r.tape.last.Load() {
		return r.tape.close()
	}
	return nil
}
