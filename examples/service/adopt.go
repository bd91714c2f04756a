package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// readKey reads the file of -key; without one there is no key.
func readKey(file string) (*keys.Key, error) {
	if file == "" {
		return nil, nil
	}
	key, err := keys.ReadFile(file)
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err // without the path: it may be the key itself
	}
	if err != nil {
		return nil, fmt.Errorf("the file of -key: %w", err)
	}
	return key, nil
}

// adopt gives the rotator the key, to start from or to end a lock-out with, or
// returns why it was not read. The file may be gone once the rotator has another.
func adopt(ctx context.Context, rotator *selfservice.Rotator, key *keys.Key, unread error) error {
	if errors.Is(unread, fs.ErrNotExist) {
		if _, err := rotator.Status(ctx); !errors.Is(err, selfservice.ErrNotAdopted) {
			return err
		}
	}
	if key == nil {
		return unread
	}
	return rotator.Adopt(ctx, selfservice.Credential{Key: key}) // no-op after the first start
}
