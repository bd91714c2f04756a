package storetest_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/storetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// broken is a Store with a fault in one of its methods.
type broken struct {
	selfservice.Mem
	load func(m *selfservice.Mem, ctx context.Context) ([]byte, string, error)
	save func(m *selfservice.Mem, ctx context.Context, blob []byte, version string) (string, error)
}

func (b *broken) Load(ctx context.Context) ([]byte, string, error) {
	if b.load == nil {
		return b.Mem.Load(ctx)
	}
	return b.load(&b.Mem, ctx)
}

func (b *broken) Save(ctx context.Context, blob []byte, version string) (string, error) {
	if b.save == nil {
		return b.Mem.Save(ctx, blob, version)
	}
	return b.save(&b.Mem, ctx, blob, version)
}

// faults returns stores that each break one rule of the contract, by the check that
// must find it.
func faults() map[string]*broken {
	byContent := func(blob []byte, version string) string {
		if version == "" {
			return ""
		}
		return fmt.Sprintf("%x", sha256.Sum256(blob))
	}
	shared := []byte{}
	return map[string]*broken{
		"a store that holds nothing loads nil and no version": {load: func(m *selfservice.Mem, ctx context.Context) ([]byte, string, error) {
			blob, version, err := m.Load(ctx)
			return append([]byte{}, blob...), version, err
		}},
		"bytes of every value come back, and any number of them": {save: func(m *selfservice.Mem, ctx context.Context, blob []byte, version string) (string, error) {
			return m.Save(ctx, blob[:min(len(blob), 1<<16)], version)
		}},
		"the blob is a copy": {
			load: func(m *selfservice.Mem, ctx context.Context) ([]byte, string, error) {
				_, version, err := m.Load(ctx)
				return shared, version, err
			},
			save: func(m *selfservice.Mem, ctx context.Context, blob []byte, version string) (string, error) {
				shared = blob
				return m.Save(ctx, blob, version)
			}},
		"no update is lost":            {save: lookThenAct},
		"of many first saves one wins": {save: lookThenAct},
		"a replaced version never comes back": {
			load: func(m *selfservice.Mem, ctx context.Context) ([]byte, string, error) {
				blob, version, err := m.Load(ctx)
				return blob, byContent(blob, version), err
			},
			save: func(m *selfservice.Mem, ctx context.Context, blob []byte, version string) (string, error) {
				old, current, _ := m.Load(ctx)
				if version != byContent(old, current) {
					return "", selfservice.ErrConflict
				}
				next, err := m.Save(ctx, blob, current)
				return byContent(blob, next), err
			}},
		"a context that is done stops load and save": {save: func(m *selfservice.Mem, ctx context.Context, blob []byte, version string) (string, error) {
			return m.Save(context.WithoutCancel(ctx), blob, version)
		}},
		"errors do not tell the blob": {save: func(m *selfservice.Mem, ctx context.Context, blob []byte, version string) (string, error) {
			next, err := m.Save(ctx, blob, version)
			if err != nil {
				err = fmt.Errorf("saving %s: %w", blob, err)
			}
			return next, err
		}},
		"a first save needs the empty version": {save: func(m *selfservice.Mem, ctx context.Context, blob []byte, version string) (string, error) {
			if _, current, _ := m.Load(ctx); current == "" {
				version = ""
			}
			return m.Save(ctx, blob, version)
		}},
		"a version that never was is a conflict": {save: func(m *selfservice.Mem, ctx context.Context, blob []byte, version string) (string, error) {
			if len(version) > 1000 {
				return "", errors.New("not a version")
			}
			return m.Save(ctx, blob, version)
		}},
	}
}

// lookThenAct compares and swaps, but not in one step.
func lookThenAct(m *selfservice.Mem, ctx context.Context, blob []byte, version string) (string, error) {
	if _, current, err := m.Load(ctx); err != nil || current != version {
		return "", cmp.Or(err, error(selfservice.ErrConflict))
	}
	time.Sleep(time.Millisecond)
	_, current, _ := m.Load(ctx)
	return m.Save(ctx, blob, current)
}

// cached is a store that loads once, as a process does that believes it is alone.
type cached struct {
	selfservice.Store
	blob    []byte
	version string
}

func (c *cached) Load(ctx context.Context) (_ []byte, _ string, err error) {
	if c.version == "" {
		c.blob, c.version, err = c.Store.Load(ctx)
	}
	return c.blob, c.version, err
}

func (c *cached) Save(ctx context.Context, blob []byte, version string) (string, error) {
	next, err := c.Store.Save(ctx, blob, version)
	c.version = ""
	return next, err
}

const seenByOthers = "others load a save at once"

// TestFindsFaults runs the checks on broken stores, in processes that must fail in
// the right check.
func TestFindsFaults(t *testing.T) {
	switch rule := os.Getenv("NOKKEL_STORETEST_FAULT"); rule {
	case "":
	case seenByOthers:
		one := &selfservice.Mem{}
		storetest.RunShared(t, func(*testing.T) string { return "" }, func(*testing.T, string) selfservice.Store { return &cached{Store: one} })
		return
	default:
		storetest.Run(t, func(*testing.T) selfservice.Store { return faults()[rule] })
		return
	}
	for _, rule := range slices.AppendSeq([]string{seenByOthers}, maps.Keys(faults())) {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestFindsFaults$/^"+rule+"$", "-test.v")
			cmd.Env = append(os.Environ(), "NOKKEL_STORETEST_FAULT="+rule)
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "the fault was not found")
			assert.Contains(t, string(out), "--- FAIL: TestFindsFaults/"+strings.ReplaceAll(rule, " ", "_"))
		})
	}
}

func TestVariableStore(t *testing.T) { testVariableStore(t) }
