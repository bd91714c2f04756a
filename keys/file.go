package keys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile writes a secret file whole or not at all: mode 0600, content and
// directory synced to disk before it returns. A file that exists is kept and
// [ErrExists] returned unless replace is set; then readers see either the old
// content or the new one.
func WriteFile(name string, content []byte, replace bool) (err error) {
	dir := filepath.Dir(name)
	tmp, err := os.CreateTemp(dir, ".nokkel-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			tmp.Close()
		}
		os.Remove(tmp.Name()) // gone already after a rename
	}()
	if _, err = tmp.Write(content); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if replace {
		err = os.Rename(tmp.Name(), name)
	} else if err = os.Link(tmp.Name(), name); errors.Is(err, fs.ErrExist) {
		err = refuse(ErrExists, filepath.Base(name))
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
