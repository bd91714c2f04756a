// Package respbody reads response bodies of servers that may send them byte by
// byte, or never to their end.
package respbody

import (
	"io"
	"os"
	"slices"
	"time"
)

const (
	// Wait is how long an answer may take from its header to the end of the
	// part of its body that is inspected.
	Wait = 10 * time.Second

	drainWait = 250 * time.Millisecond
	firstRead = 1 << 10 // most answers are smaller
)

// Head reads body up to its end, limit bytes or the end of wait, whichever
// comes first. The error is nil, [os.ErrDeadlineExceeded] after wait, or that
// of body. In every case rest reads as the whole body, head included, with an
// error in the same place.
func Head(body io.ReadCloser, limit int, wait time.Duration) (head []byte, rest io.ReadCloser, err error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for len(head) < limit {
		if len(head) == cap(head) {
			head = slices.Grow(head, min(limit-len(head), max(firstRead, len(head))))
		}
		pending := start(body, head[len(head):min(cap(head), limit)])
		select {
		case <-timer.C:
			head = slices.Clip(head) // the Read that is under way has what lies behind it
			return head, &resumed{body, chunk{b: head}, pending}, os.ErrDeadlineExceeded
		case c := <-pending:
			c.check()
			head = head[:len(head)+len(c.b)]
			if c.err == io.EOF {
				return head, &resumed{body, chunk{b: head, err: io.EOF}, nil}, nil
			}
			if c.err != nil {
				return head, &resumed{body, chunk{b: head, err: c.err}, nil}, c.err
			}
		}
	}
	return head, &resumed{body, chunk{b: head}, nil}, nil
}

// Drain reads the little that may be left of body, so that its connection can
// be reused, and closes it.
func Drain(body io.ReadCloser, limit int) {
	Head(body, limit, drainWait)
	body.Close() // ends a Read that is under way
}

// chunk is the result of a Read.
type chunk struct {
	b        []byte
	err      error
	panicked any
}

// start reads once, on its own goroutine.
func start(body io.Reader, b []byte) <-chan chunk {
	done := make(chan chunk, 1)
	go func() {
		c := chunk{err: io.ErrUnexpectedEOF} // unless Read returns
		defer func() {
			c.panicked = recover()
			done <- c
		}()
		n, err := body.Read(b)
		c.b, c.err = b[:n], err
	}()
	return done
}

// check panics if Read did, on the goroutine of the caller.
func (c chunk) check() {
	if c.panicked != nil {
		panic(c.panicked)
	}
}

// resumed is a body of which a part was read, and another may be in flight.
type resumed struct {
	body    io.ReadCloser
	read    chunk        // to be given first
	pending <-chan chunk // comes next; nil when no Read is under way
}

func (r *resumed) Read(p []byte) (int, error) {
	if len(r.read.b) == 0 && r.read.err == nil && r.pending != nil {
		r.read, r.pending = <-r.pending, nil
		r.read.check()
	}
	n := copy(p, r.read.b)
	r.read.b = r.read.b[n:]
	switch {
	case n > 0 || len(p) == 0:
		return n, nil
	case r.read.err != nil:
		return 0, r.read.err
	}
	return r.body.Read(p)
}

func (r *resumed) Close() error { return r.body.Close() }
