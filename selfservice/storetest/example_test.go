package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/storetest"
)

// VariableStore is a store of one's own: the place is a variable, as it could
// be a key of a cloud's secret manager that compares versions.
type VariableStore struct {
	mu   sync.Mutex
	blob []byte
	n    int // version; zero: nothing is stored
}

func (s *VariableStore) Load(ctx context.Context) ([]byte, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == 0 {
		return nil, "", nil
	}
	return append([]byte{}, s.blob...), strconv.Itoa(s.n), nil
}

func (s *VariableStore) Save(ctx context.Context, blob []byte, version string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == 0 && version != "" || s.n > 0 && version != strconv.Itoa(s.n) {
		return "", selfservice.ErrConflict
	}
	s.n++
	s.blob = append([]byte{}, blob...)
	return strconv.Itoa(s.n), nil
}

// testVariableStore, called by a Test function, is all that a store of one
// process needs. One that processes share is checked by RunShared in place of
// Run, and one that also says which clients are due by RunAgenda besides.
func testVariableStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) selfservice.Store { return &VariableStore{} })
}

// Which of the checks does a store of my own have to pass?
func Example() {
	ctx := context.Background()
	var s VariableStore
	first, _ := s.Save(ctx, []byte("state"), "")
	_, err := s.Save(ctx, []byte("next"), first)
	fmt.Println("with the version that was loaded:", err)
	_, err = s.Save(ctx, []byte("late"), first)
	fmt.Println("after somebody else saved:", errors.Is(err, selfservice.ErrConflict))
	// Output:
	// with the version that was loaded: <nil>
	// after somebody else saved: true
}
