//go:build !windows

package selfservice

import (
	"errors"
	"os"
	"syscall"
)

// syncDir makes the names in a directory survive a crash, on every file
// system that can sync a directory.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
