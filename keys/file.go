package keys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile writes a secret file whole or not at all: mode 0600 whatever the
// umask or the old file say, content and directory synced to disk before it
// returns. A file that exists is kept and [ErrExists] returned unless replace
// is set; then readers see either the old content or the new one. Errors of
// the file system are *fs.PathError or *os.LinkError.
func WriteFile(name string, content []byte, replace bool) error {
	return writeFile(name, content, replace, os.Link)
}

func writeFile(name string, content []byte, replace bool, link func(old, new string) error) (err error) {
	dir, err := os.Open(filepath.Dir(name)) // first, so that a directory we cannot sync stays untouched
	if err != nil {
		return err
	}
	defer dir.Close()
	tmp, err := writeTemp(dir.Name(), content)
	if err != nil {
		return err
	}
	defer os.Remove(tmp) // already gone after a rename
	if replace {
		err = os.Rename(tmp, name)
	} else {
		err = place(tmp, name, link)
	}
	if err != nil {
		return err
	}
	os.Remove(tmp) // before the sync, or a crash may bring the second name back
	return syncDir(dir)
}

// writeTemp writes a synced file of mode 0600 in dir and returns its name.
func writeTemp(dir string, content []byte) (name string, err error) {
	f, err := os.CreateTemp(dir, ".nokkel-*")
	if err != nil {
		return "", err
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err = f.Chmod(0o600); err != nil { // an umask may have taken it all
		return "", err
	}
	if _, err = f.Write(content); err != nil {
		return "", err
	}
	if err = f.Sync(); err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// place gives tmp its name if no file has that name. A hard link does so in
// one step. Where the file system has none, an empty file reserves the name:
// a crash in between leaves that file, but nothing is ever replaced.
func place(tmp, name string, link func(old, new string) error) error {
	err := link(tmp, name)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrExist) {
		var f *os.File
		if f, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			f.Close()
			if err = os.Rename(tmp, name); err != nil {
				os.Remove(name)
			}
			return err
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return refuse(ErrExists, filepath.Base(name))
	}
	return err
}
