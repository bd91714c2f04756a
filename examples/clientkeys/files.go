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

// file is one to be written.
type file struct {
	name    string
	content []byte
	public  bool
}

func (f file) mode() fs.FileMode {
	if f.public {
		return 0o644
	}
	return 0o600 // for the owner alone
}

// writeNew writes all of the files or none into dir (empty: the current one),
// and replaces none. It prints their paths for a script.
func writeNew(c *console, dir string, files ...file) error {
	dir = cmp.Or(dir, ".")
	if err := atomicfile.MkdirAll(dir); err != nil {
		return err
	}
	var written []string
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := atomicfile.Write(path, f.content, f.mode(), false); err != nil {
			for _, path := range written { // one half of a pair is of no use
				os.Remove(path)
			}
			if errors.Is(err, fs.ErrExist) {
				err = fmt.Errorf("file exists: %s", f.name)
			}
			return err
		}
		written = append(written, path)
	}
	for _, path := range written {
		c.result("%s", path)
	}
	return nil
}

// checkFileName refuses a name that would lead out of the directory.
func checkFileName(option, name string) error {
	if strings.ContainsAny(name, `/\`) || !filepath.IsLocal(name) {
		return fmt.Errorf("--%s becomes the name of a file and must not hold /, \\ or what else this system forbids", option)
	}
	return nil
}

// maxFile bounds what is read of a file, in bytes: no keystore has more, and
// the path may be that of a device.
const maxFile = 1 << 20

// readFile does not repeat the path in its error: it may be a key, given to
// the wrong option.
func readFile(option, path string) ([]byte, error) {
	data, err := readAtMost(path, maxFile)
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	if err != nil {
		return nil, fmt.Errorf("the file of --%s: %w", option, err)
	}
	return data, nil
}

func readAtMost(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	return data, err
}

// oneLine takes the line end off the only line of a file.
func oneLine(content string) (line string, ok bool) {
	line = strings.TrimRight(content, "\r\n")
	return line, line != "" && !strings.ContainsAny(line, "\r\n")
}
