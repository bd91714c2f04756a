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
// [Transport] or [TokenSource] tries the other, and once that has worked it stays
// with it until it is refused in turn: the move needs no restart, and neither does
// the way back.
//
// Every replica gets a Moving before the server is told, and To alone some time
// after. Until then From has to stay as it is, and a program that starts is refused
// once.
//
// A [KeyRefuser] of the method that is in use is asked for another key before the
// other method is tried. The other one's source is not told of a refusal, so that a
// Rotator that runs before the move takes nothing for a lock-out. If that source
// fails, as that of an empty store does, nothing changes. A request that already
// has a DPoP proof is sent once, and moves nothing. [MutualTLS] fits in only where
// it has no endpoint of its own.
type Moving struct {
	From, To Authenticator

	moved atomic.Bool
}

// Authenticate authenticates with the method that a [Transport] saw working last.
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
	move := func(ctx context.Context) *held {
		next, err := hold(ctx, other)
		if err != nil {
			return nil
		}
		return &held{Authenticator: next.Authenticator, works: func() { m.moved.Store(!moved) }}
	}
	return held{
		Authenticator: h.Authenticator,
		replaced: func(ctx context.Context) bool {
			return m.moved.Load() != moved || h.replaced != nil && h.replaced(ctx)
		},
		instead: func(ctx context.Context) *held {
			if again := h.next(ctx); again != nil {
				again.instead = move // a Rotator may have another one each time
				return again
			}
			return move(ctx)
		},
	}, nil
}
