package assertion

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
)

// Moving authenticates a client that moves from one method to another, such as
// from a secret to a key, where the server accepts one of the two at a time. It
// starts with From. Where the server refuses the credential of one method, a
// [Transport] or [TokenSource] tries the other, and stays with that until it is
// refused in turn: the move needs no restart, and neither does the way back.
//
// Every replica gets a Moving before the server is told, and To alone some time
// after. Until then a program that starts is refused once.
//
// A [KeyRefuser] is asked for another key before the other method is tried. A
// method whose source fails, as that of an empty store does, is not tried. A
// request that already has a DPoP proof is sent once, and moves nothing.
// [MutualTLS] fits in only where it has no endpoint of its own.
type Moving struct {
	From, To Authenticator

	moved atomic.Bool
}

// Authenticate authenticates with the method that worked last.
func (m *Moving) Authenticate(ctx context.Context, header http.Header, form url.Values) error {
	h, err := m.hold(ctx)
	if err != nil {
		return err
	}
	return h.Authenticate(ctx, header, form)
}

// Format prints a fixed text for every verb: fmt would read a field that other
// goroutines change.
func (m *Moving) Format(f fmt.State, _ rune) { io.WriteString(f, "assertion.Moving") }

// hold fixes the method too. Requests that are refused at the same time all go
// on with the other one, and none of them back.
func (m *Moving) hold(ctx context.Context) (held, error) {
	if m.From == nil || m.To == nil {
		return held{}, refuse(ErrConfig, "a Moving needs From and To")
	}
	moved := m.moved.Load()
	one, other := m.From, m.To
	if moved {
		one, other = other, one
	}
	h, err := hold(ctx, one)
	if err != nil {
		return held{}, err
	}
	return held{
		Authenticator: h.Authenticator,
		replaced: func(ctx context.Context) bool {
			return m.moved.Load() != moved || h.replaced != nil && h.replaced(ctx)
		},
		instead: func(ctx context.Context) Authenticator {
			if h.instead != nil {
				if again := h.instead(ctx); again != nil {
					return again
				}
			}
			next, err := hold(ctx, other)
			if err != nil {
				return nil
			}
			m.moved.Store(!moved)
			return next.Authenticator
		},
	}, nil
}
