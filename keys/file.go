package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/nokkel/nokkel/internal/atomicfile"
)

// WriteFile writes a secret file whole or not at all, with mode 0600 whatever
// the umask or the old file's mode, and syncs content and directory to disk
// before it returns. It returns [ErrExists] and leaves an existing file alone
// unless replace is set; then readers see either the old content or the new.
// Errors of the file system wrap an *fs.PathError or *os.LinkError. A file
// system that keeps no modes is refused ([ErrFileMode]); on Windows the
// directory's access list decides who reads the file.
//
// A process that is killed may leave a file .nokkel-*, mode 0600, which the next
// WriteFile in that directory removes once it is an hour old; and, where the
// file system has no hard links, an empty file of this name.
func WriteFile(name string, content []byte, replace bool) error {
	err := atomicfile.Write(name, content, 0o600, replace)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist) && !replace:
		return refuse(ErrExists, filepath.Base(name))
	case errors.Is(err, atomicfile.ErrMode):
		return refuse(ErrFileMode, "the file system keeps no modes: "+filepath.Dir(name))
	}
	return fmt.Errorf("keys: writing a file: %w", err)
}

// WriteFile writes the private JWK ([Key.PrivateJWK]) to a new file, as the
// function [WriteFile] does without replace. [ReadFile] reads it.
func (k *Key) WriteFile(name string) error {
	jwk, err := k.PrivateJWK()
	if err != nil {
		return err
	}
	return WriteFile(name, jwk, false)
}
