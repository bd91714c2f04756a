package filestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
)

// A state that someone else has saved meanwhile is loaded again.
func ExampleDir() {
	parent, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(parent)
	ctx := context.Background()

	store := filestore.Dir(parent + "/key")
	version, _ := store.Save(ctx, []byte("one"), "")
	_, _ = store.Save(ctx, []byte("two"), version)
	if _, err := store.Save(ctx, []byte("2"), version); errors.Is(err, selfservice.ErrConflict) {
		blob, _, _ := store.Load(ctx)
		fmt.Printf("someone was faster: %s\n", blob)
	}
	// Output: someone was faster: two
}
