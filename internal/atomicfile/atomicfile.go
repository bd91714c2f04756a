// Package atomicfile writes files whole or not at all. A file gets its content
// and mode before its name, and the name survives a crash of the machine. Only
// the final step refers to the file by name, so that others who can write to the
// directory cannot redirect content or mode to another file.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// ErrMode is the error where the file system keeps no modes and others could read
// a file that only its owner may: a mounted share, as a rule. Windows has access
// lists instead; there it never is.
var ErrMode = errors.New("the file system opens a private file to others")

// Write writes a file with this mode, whatever the umask or the old file's
// mode. It leaves an existing file alone and returns an error that is
// fs.ErrExist, unless overwrite is set; then readers see either the old
// content or the new. A symbolic link is replaced, never followed.
func Write(name string, data []byte, mode fs.FileMode, overwrite bool) error {
	return write(name, data, mode, overwrite, (*os.Root).Link)
}

func write(name string, data []byte, mode fs.FileMode, overwrite bool, link func(r *os.Root, old, new string) error) error {
	path, base := filepath.Split(name)
	dir, err := OpenDir(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := writeIn(dir, base, data, mode, overwrite, link); err != nil {
		return fmt.Errorf("%s: %w", dir.Name(), err)
	}
	return nil
}

const prefix = ".nokkel-" // of temporary files

func writeIn(dir *os.Root, base string, data []byte, mode fs.FileMode, overwrite bool, link func(r *os.Root, old, new string) error) error {
	defer sweep(dir)
	tmp, err := Temp(dir, prefix, data, mode)
	if err != nil {
		return err
	}
	defer dir.Remove(tmp) // already gone after a rename
	if overwrite {
		err = dir.Rename(tmp, base)
	} else {
		err = place(dir, tmp, base, link)
	}
	if err != nil {
		return err
	}
	dir.Remove(tmp) // before the sync, or a crash may bring the second name back
	return SyncDir(dir)
}

// Temp writes and syncs a file of this mode in dir, and returns its name: the
// prefix and a random text.
func Temp(dir *os.Root, prefix string, data []byte, mode fs.FileMode) (_ string, err error) {
	name := prefix + rand.Text()
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer func() {
		f.Close()
		if err != nil {
			dir.Remove(name)
		}
	}()
	if err := SetMode(f, mode); err != nil { // before it has content
		return "", err
	}
	if _, err := f.Write(data); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	return name, f.Close()
}

// SetMode sets the mode of a new file, of which the umask may have taken some.
// It returns ErrMode if a private file is not private then.
func SetMode(f *os.File, mode fs.FileMode) error {
	if err := f.Chmod(mode); err != nil {
		return err
	}
	return kept(f, mode)
}

func kept(f interface{ Stat() (fs.FileInfo, error) }, mode fs.FileMode) error {
	if mode&0o077 != 0 || runtime.GOOS == "windows" {
		return nil
	}
	info, err := f.Stat()
	if err == nil && info.Mode()&0o077 != 0 {
		err = ErrMode
	}
	return err
}

// place gives tmp its name if no file has that name. A hard link does so in
// one step. Where the file system has none, an empty file reserves the name:
// a crash in between leaves that file, but nothing is ever replaced.
func place(dir *os.Root, tmp, name string, link func(r *os.Root, old, new string) error) error {
	err := link(dir, tmp, name)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	if err = dir.Rename(tmp, name); err != nil {
		dir.Remove(name)
	}
	return err
}
