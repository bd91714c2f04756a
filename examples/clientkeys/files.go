package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nokkel/nokkel/internal/atomicfile"
)

const (
	ownerOnly fs.FileMode = 0o600
	forAll    fs.FileMode = 0o644
)

// file is one to be written.
type file struct {
	name    string
	content []byte
	mode    fs.FileMode
}

// writeNew writes all of the files or none into dir (empty: the current one),
// and replaces none. It prints their paths for a script.
func (c *console) writeNew(dir string, files ...file) error {
	dir = cmp.Or(dir, ".")
	if err := atomicfile.MkdirAll(dir); err != nil {
		return err
	}
	for i, f := range files {
		if err := atomicfile.Write(filepath.Join(dir, f.name), f.content, f.mode, false); err != nil {
			for _, written := range files[:i] { // one half of a pair is of no use
				os.Remove(filepath.Join(dir, written.name))
			}
			if errors.Is(err, fs.ErrExist) {
				err = fmt.Errorf("file exists: %s", f.name)
			}
			return err
		}
	}
	for _, f := range files {
		c.result("%s", filepath.Join(dir, f.name))
	}
	return nil
}

// fileName refuses a name that would lead out of the directory.
func (in *input) fileName(option string) (string, error) {
	name := in.text(option)
	if strings.ContainsAny(name, `/\`) || !filepath.IsLocal(name) {
		return "", fmt.Errorf("--%s becomes the name of a file and must not hold /, \\ or what else this system forbids", option)
	}
	return name, nil
}

// maxFile bounds what is read of a file, in bytes: no keystore has more, and
// the path may be that of a device.
const maxFile = 1 << 20

// file reads the one that the option names. A FIFO, as of "<(...)", takes until
// somebody has written it, or until a signal comes.
func (in *input) file(option string) ([]byte, error) {
	var data []byte
	var err error
	read := make(chan struct{})
	go func() {
		data, err = readFile(in.text(option))
		close(read)
	}()
	select {
	case <-read:
	case <-in.signal:
		return nil, errors.New("interrupted; nothing was changed")
	}
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err // without the path, which may be a key
	}
	if err != nil {
		return nil, fmt.Errorf("the file of --%s: %w", option, err)
	}
	return data, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if len(data) > maxFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return data, err
}
