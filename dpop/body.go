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
	req       *http.Request
	sent      int // attempts so far
	recording *recording
}

func newBody(req *http.Request) *body {
	b := &body{req: req}
	if !b.empty() && req.GetBody == nil {
		b.recording = &recording{src: req.Body, close: sync.OnceValue(req.Body.Close), limit: maxReplay}
		if req.ContentLength > maxReplay {
			b.recording.limit = 0 // it will not fit; why keep any
		}
	}
	return b
}

func (b *body) empty() bool { return b.req.Body == nil || b.req.Body == http.NoBody }

// next returns the body for one more attempt.
func (b *body) next() (io.ReadCloser, error) {
	b.sent++
	switch {
	case b.recording != nil:
		return b.recording.rewind(), nil
	case b.sent == 1 || b.empty():
		return b.req.Body, nil
	}
	return b.req.GetBody()
}

// replayable reports whether next would return the whole body again.
func (b *body) replayable() bool { return b.recording == nil || !b.recording.overflowed.Load() }

// done says that there will be no other attempt. The last one may go on
// reading: a server can answer before it has seen the whole body.
func (b *body) done() {
	switch {
	case b.recording != nil:
		b.recording.finish()
	case b.sent == 0 && b.req.Body != nil:
		b.req.Body.Close()
	}
}

// recording keeps what is read of src.
type recording struct {
	src        io.Reader
	close      func() error // of src, once
	limit      int64        // bytes kept at most
	overflowed atomic.Bool  // more was read: no way back
	last       atomic.Bool  // no attempt follows the current one
	current    atomic.Pointer[recordingReader]

	// An attempt that was answered early may be inside src.Read while the
	// next one begins; mu keeps them apart. It is never held for Close, which
	// must be able to interrupt a Read.
	mu   sync.Mutex
	kept []byte
	read int64 // bytes of src so far
	end  error // what src ended with
}

// recordingReader is the body of one attempt.
type recordingReader struct {
	recording *recording
	at        int64
	closed    atomic.Bool
}

// rewind ends the current attempt's reading and begins another.
func (t *recording) rewind() *recordingReader {
	r := &recordingReader{recording: t}
	t.current.Store(r)
	return r
}

func (t *recording) finish() {
	t.last.Store(true)
	if r := t.current.Load(); r == nil || r.closed.Load() {
		t.close()
	}
}

// Read gives what is kept and then more of the source.
func (r *recordingReader) Read(p []byte) (int, error) {
	t := r.recording
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case r.closed.Load() || t.current.Load() != r:
		return 0, http.ErrBodyReadAfterClose
	case r.at < int64(len(t.kept)):
		n := copy(p, t.kept[r.at:])
		r.at += int64(n)
		return n, nil
	case r.at < t.read: // the previous attempt went past the limit with its last Read
		return 0, refuse(ErrBody, "")
	case t.end != nil:
		return 0, t.end
	}
	n, err := t.src.Read(p)
	t.end = err
	t.read += int64(n)
	r.at = t.read
	if t.read > t.limit {
		t.overflowed.Store(true)
	}
	if t.overflowed.Load() {
		t.kept = nil
	} else {
		t.kept = append(t.kept, p[:n]...)
	}
	return n, err
}

// Close closes the source too when no attempt follows.
func (r *recordingReader) Close() error {
	r.closed.Store(true)
	if r.recording.last.Load() {
		return r.recording.close()
	}
	return nil
}
