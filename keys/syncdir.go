//go:build !windows

package keys

import (
	"errors"
	"os"
	"syscall"
)

// syncDir makes the names in a directory survive a crash. Some network file
// systems cannot and say EINVAL; the content is synced all the same.
func syncDir(dir *os.File) error {
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}
