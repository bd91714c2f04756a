package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// OpenDir opens a directory; empty: the current one. What is no directory, a
// FIFO say, is refused without being opened.
func OpenDir(path string) (*os.Root, error) {
	if path == "" {
		path = "."
	}
	return os.OpenRoot(filepath.Clean(path) + string(os.PathSeparator))
}

// SyncDir makes the names in a directory survive a crash, on every file system
// that can sync a directory: some network file systems cannot. Nor can
// Windows, and NTFS keeps names in its journal.
func SyncDir(dir *os.Root) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// MkdirAll makes a directory of mode 0700, and its parents, and sees that the
// names survive a crash. One that exists is left as it is, and may lie below one
// that can be entered but not read.
func MkdirAll(path string) error {
	path = filepath.Clean(path)
	err := os.Mkdir(path, 0o700)
	parent := filepath.Dir(path)
	if errors.Is(err, fs.ErrNotExist) && parent != path {
		if err := MkdirAll(parent); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o700)
	}
	existed := errors.Is(err, fs.ErrExist)
	if err != nil && !existed {
		return err
	}
	dir, err := OpenDir(parent)
	if err == nil {
		defer dir.Close()
		err = SyncDir(dir) // also of what exists: whoever made it may have crashed
	}
	if existed && errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}
