package selfservice_test

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/nokkel/nokkel/selfservice"
)

// hookedStore is a store that counts its calls and passes them through its
// hooks, if it has them.
type hookedStore struct {
	selfservice.Store
	load, save   func(ctx context.Context, call func() error) error
	damaged      func() ([]string, error)
	loads, saves atomic.Int64

	hangs, full atomic.Bool // Load blocks until its context ends; Save fails with errFull
}

var (
	errDisk = errors.New("the disk is gone")
	errFull = errors.New("the disk is full")
)

func (h *hookedStore) Load(ctx context.Context) (blob []byte, version string, err error) {
	h.loads.Add(1)
	if h.hangs.Load() {
		<-ctx.Done()
		return nil, "", ctx.Err()
	}
	err = through(ctx, h.load, func() (err error) { blob, version, err = h.Store.Load(ctx); return err })
	return blob, version, err
}

func (h *hookedStore) Save(ctx context.Context, blob []byte, version string) (next string, err error) {
	h.saves.Add(1)
	if h.full.Load() {
		return "", errFull
	}
	err = through(ctx, h.save, func() (err error) { next, err = h.Store.Save(ctx, blob, version); return err })
	return next, err
}

func (h *hookedStore) Damaged() ([]string, error) {
	if h.damaged == nil {
		return nil, nil
	}
	return h.damaged()
}

func through(ctx context.Context, hook func(context.Context, func() error) error, call func() error) error {
	if hook == nil {
		return call()
	}
	return hook(ctx, call)
}

// gone is a store that cannot be read.
func gone() selfservice.Store {
	return &hookedStore{load: func(context.Context, func() error) error { return errDisk }}
}

// panicking is a store with a bug.
func panicking() selfservice.Store {
	bug := func(context.Context, func() error) error { panic("bug") }
	return &hookedStore{load: bug, save: bug}
}
