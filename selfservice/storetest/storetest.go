// Package storetest checks an implementation of selfservice.Store against the
// contract that the interface states:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) selfservice.Store { return newEmptyStore(t) })
//	}
//
// A store that processes share is checked by [RunShared] too, which kills
// processes while they write.
package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nokkel/nokkel/selfservice"
)

// Run checks every rule of the contract that one process can check. Each call
// of open returns a new, empty store.
func Run(t *testing.T, open func(t *testing.T) selfservice.Store) {
	for _, c := range []struct {
		rule  string
		check func(t *testing.T, s store)
	}{
		{"a store that holds nothing loads nil and no version", loadsNothing},
		{"load returns the last save and its version", loadsLastSave},
		{"bytes of every value come back, and any number of them", keepsBytes},
		{"the blob is a copy", copies},
		{"a first save needs the empty version", firstNeedsEmpty},
		{"a version that never was is a conflict", refusesUnknown},
		{"a replaced version never comes back", refusesReplaced},
		{"of many first saves one wins", oneFirst},
		{"no update is lost", losesNone},
		{"a reader sees whole blobs in the order of their saves", readsWhole},
		{"a context that is done stops load and save", heedsContext},
		{"errors do not tell the blob", hidesBlob},
	} {
		t.Run(c.rule, func(t *testing.T) { c.check(t, store{t, open(t)}) })
	}
}

// store fails the test when a call breaks the contract.
type store struct {
	t *testing.T
	selfservice.Store
}

func (s store) load() ([]byte, string) {
	s.t.Helper()
	blob, version, err := s.Load(s.t.Context())
	if err != nil {
		s.t.Fatalf("Load: %v", err)
	}
	return blob, version
}

func (s store) save(blob []byte, version string) string {
	s.t.Helper()
	next, err := s.Save(s.t.Context(), blob, version)
	if err != nil {
		s.t.Fatalf("Save with the current version: %v", err)
	}
	if next == "" || next == version {
		s.t.Fatalf("Save with version %q returned version %q", version, next)
	}
	return next
}

// refuses checks that version is a conflict, and that nothing changes.
func (s store) refuses(version string) {
	s.t.Helper()
	before, current := s.load()
	next, err := s.Save(s.t.Context(), []byte("refused"), version)
	if !errors.Is(err, selfservice.ErrConflict) || next != "" {
		s.t.Fatalf("Save with version %.40q while %q is current: version %q, error %v; want ErrConflict", version, current, next, err)
	}
	s.holds(before, current)
}

func (s store) holds(blob []byte, version string) {
	s.t.Helper()
	got, v := s.load()
	if !bytes.Equal(got, blob) || v != version {
		s.t.Fatalf("Load: %d bytes of version %q; want %d bytes of version %q", len(got), v, len(blob), version)
	}
}

func loadsNothing(t *testing.T, s store) {
	for range 2 {
		if blob, version := s.load(); blob != nil || version != "" {
			t.Fatalf("Load: %d bytes, version %q; want nil and no version", len(blob), version)
		}
	}
}

func loadsLastSave(t *testing.T, s store) {
	version := ""
	for i := range 5 {
		blob := []byte(strconv.Itoa(i))
		version = s.save(blob, version)
		s.holds(blob, version)
		s.holds(blob, version)
	}
}

func keepsBytes(t *testing.T, s store) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	big := make([]byte, 1<<20)
	rand.Read(big)
	version := ""
	for _, blob := range [][]byte{every, {0}, []byte("line\r\nline\n"), []byte("\xff\xfe"), big, {}, []byte("'\"\\%_$1?")} {
		version = s.save(blob, version)
		s.holds(blob, version)
	}
}

func copies(t *testing.T, s store) {
	blob := []byte("before")
	version := s.save(blob, "")
	copy(blob, "after!")
	s.holds([]byte("before"), version)
	loaded, _ := s.load()
	copy(loaded, "after!")
	s.holds([]byte("before"), version)
}

func firstNeedsEmpty(t *testing.T, s store) {
	s.refuses("1")
	version := s.save([]byte("first"), "")
	s.refuses("")
	s.holds([]byte("first"), version)
}

func refusesUnknown(t *testing.T, s store) {
	version := s.save([]byte("x"), "")
	for _, unknown := range []string{
		version + "0", "0" + version, " " + version, version + "\n", "-" + version, "0", "-1", "nil", "9223372036854775808",
		"' OR '1'='1", "\x00", "\xff", "../" + version, strings.Repeat("9", 1<<16),
	} {
		s.refuses(unknown)
	}
}

func refusesReplaced(t *testing.T, s store) {
	// The blobs alternate: the version counts, not the blob.
	replaced := []string{""}
	seen := map[string]bool{"": true}
	version := ""
	for i := range 40 {
		version = s.save([]byte{byte(i % 2)}, version)
		if seen[version] {
			t.Fatalf("version %q came back", version)
		}
		seen[version] = true
		if i < 39 {
			replaced = append(replaced, version)
		}
	}
	for _, old := range replaced {
		s.refuses(old)
	}
	s.save([]byte("next"), version)
}

func oneFirst(t *testing.T, s store) {
	const writers = 8
	versions := make([]string, writers)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			v, err := s.Save(t.Context(), fmt.Append(nil, i), "")
			if err != nil && !errors.Is(err, selfservice.ErrConflict) {
				t.Errorf("Save: %v", err)
			}
			versions[i] = v
		})
	}
	all.Wait()
	winners := 0
	for i, v := range versions {
		if v != "" {
			winners++
			s.holds(fmt.Append(nil, i), v)
		}
	}
	if winners != 1 {
		t.Fatalf("%d first saves won", winners)
	}
}

func losesNone(t *testing.T, s store) {
	const writers, each = 8, 10
	s.save([]byte("0"), "")
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				if err := increment(t.Context(), s); err != nil {
					t.Errorf("increment: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	if blob, _ := s.load(); string(blob) != strconv.Itoa(writers*each) {
		t.Fatalf("%s after %d increments", blob, writers*each)
	}
}

// increment adds one to the number in the store, and retries after a conflict.
func increment(ctx context.Context, s selfservice.Store) error {
	for {
		blob, version, err := s.Load(ctx)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(blob))
		if err != nil {
			return err
		}
		if _, err = s.Save(ctx, fmt.Append(nil, n+1), version); !errors.Is(err, selfservice.ErrConflict) {
			return err
		}
	}
}

func readsWhole(t *testing.T, s store) {
	const saves, size = 30, 50_000
	version := s.save(bytes.Repeat([]byte{0}, size), "")
	done := make(chan struct{})
	var readers sync.WaitGroup
	defer readers.Wait()
	defer close(done)
	for range 4 {
		readers.Go(func() {
			last := byte(0)
			for {
				select {
				case <-done:
					return
				default:
				}
				blob, _, err := s.Load(t.Context())
				if err != nil || len(blob) != size || bytes.Count(blob, blob[:1]) != size {
					t.Errorf("Load while others save: %d bytes, not one whole blob; error %v", len(blob), err)
					return
				}
				if blob[0] < last {
					t.Errorf("Load went back from save %d to %d", last, blob[0])
					return
				}
				last = blob[0]
			}
		})
	}
	for i := range byte(saves) {
		version = s.save(bytes.Repeat([]byte{i + 1}, size), version)
	}
}

func heedsContext(t *testing.T, s store) {
	version := s.save([]byte("kept"), "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if blob, now, err := s.Load(ctx); !errors.Is(err, context.Canceled) || blob != nil || now != "" {
		t.Errorf("Load: %d bytes of version %q, %v; want only context.Canceled", len(blob), now, err)
	}
	if _, err := s.Save(ctx, []byte("late"), version); !errors.Is(err, context.Canceled) {
		t.Errorf("Save: %v; want context.Canceled", err)
	}
	s.holds([]byte("kept"), version)
}

func hidesBlob(t *testing.T, s store) {
	secret := []byte("do-not-tell")
	version := s.save(secret, "")
	done, cancel := context.WithCancel(t.Context())
	cancel()
	_, conflict := s.Save(t.Context(), secret, version+"x")
	_, canceled := s.Save(done, secret, version)
	_, _, load := s.Load(done)
	for _, err := range []error{conflict, canceled, load} {
		if err == nil {
			t.Fatal("no error")
		}
		if text := fmt.Sprintf("%v %+v %#v %q", err, err, err, err); strings.Contains(text, string(secret)) {
			t.Errorf("the blob is in the error %T", err)
		}
	}
}
