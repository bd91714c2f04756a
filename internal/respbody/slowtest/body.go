// Package slowtest has the body of a server that takes its time.
package slowtest

import (
	"io"
	"net/http"
	"time"
)

// Body gives one byte after each pause. Close interrupts a Read.
type Body struct {
	text  string
	pause time.Duration
	end   chan struct{}
}

// NewBody returns a Body of that text.
func NewBody(text string, pause time.Duration) *Body {
	return &Body{text, pause, make(chan struct{})}
}

func (b *Body) Read(p []byte) (int, error) {
	if b.text == "" {
		return 0, io.EOF
	}
	select {
	case <-b.end:
		return 0, http.ErrBodyReadAfterClose
	case <-time.After(b.pause):
	}
	n := copy(p, b.text[:1])
	b.text = b.text[n:]
	return n, nil
}

// Close ends the body; it is called once.
func (b *Body) Close() error { close(b.end); return nil }

// Closed is closed with the body.
func (b *Body) Closed() <-chan struct{} { return b.end }
