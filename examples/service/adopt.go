package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// adopt gives the rotator the key in the file, to start from or to end a
// lock-out with. The file may be gone once the rotator has another.
func adopt(ctx context.Context, rotator *selfservice.Rotator, file string) error {
	if file == "" {
		return nil
	}
	key, err := keys.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := rotator.Status(ctx); !errors.Is(err, selfservice.ErrNotAdopted) {
			return err
		}
	}
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err // without the path: it may be the key itself
	}
	if err != nil {
		return fmt.Errorf("the file of -key: %w", err)
	}
	return rotator.Adopt(ctx, selfservice.Credential{Key: key}) // no-op after the first start
}
