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
// Errors of the file system wrap an *fs.PathError or *os.LinkError.
func WriteFile(name string, content []byte, replace bool) error {
	err := atomicfile.Write(name, content, 0o600, replace)
	if errors.Is(err, fs.ErrExist) && !replace {
		return refuse(ErrExists, filepath.Base(name))
	}
	if err != nil {
		return fmt.Errorf("keys: writing a file: %w", err)
	}
	return nil
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
