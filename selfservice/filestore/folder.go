package filestore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/nokkel/nokkel/internal/atomicfile"
	"github.com/nokkel/nokkel/selfservice"
)

// maxStateFile bounds a file, in bytes. A state has a few thousand.
const maxStateFile = 4 << 20

// folder is the directory of a Dir, open: what has been checked is what is
// used, whatever is put at its path meanwhile.
type folder struct {
	root *os.Root
	path string
}

// open opens and checks the directory; nil: there is none.
func (d Dir) open() (*folder, error) {
	if d == "" {
		return nil, fmt.Errorf("%w: Dir has no path", selfservice.ErrConfig)
	}
	root, err := atomicfile.OpenDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f := &folder{root: root, path: filepath.Clean(string(d))}
	info, err := root.Stat(".")
	if err == nil {
		err = checkFile(f.path, info)
	}
	if err == nil {
		err = checkLink(f.path, info)
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return f, nil
}

func (f *folder) file(n uint64) string { return filepath.Join(f.path, stateName(n)) }

// failed says in which directory a call failed.
func (f *folder) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", f.path, err)
}

func (f *folder) sync() error { return f.failed(atomicfile.SyncDir(f.root)) }

// list returns the versions in ascending order and the temporary files.
func (f *folder) list() (versions []uint64, temps []tempFile, err error) {
	dir, err := f.root.Open(".")
	if err != nil {
		return nil, nil, f.failed(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	for _, name := range names {
		switch n, temp := parseName(name); {
		case n == 0:
		case temp:
			temps = append(temps, tempFile{name, n})
		default:
			versions = append(versions, n)
		}
	}
	slices.Sort(versions)
	return versions, temps, f.failed(err)
}

// read reads version n. It opens nothing but a regular file, since that of
// another kind may block, and follows no link: what it has opened is what has
// that name.
func (f *folder) read(n uint64) ([]byte, error) {
	named, err := f.root.Lstat(stateName(n))
	if err != nil {
		return nil, f.failed(err)
	}
	if err := checkRegular(f.file(n), named); err != nil {
		return nil, err
	}
	file, err := f.root.OpenFile(stateName(n), os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, f.failed(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, f.failed(err)
	}
	if !os.SameFile(named, info) {
		return nil, f.failed(&fs.PathError{Op: "open", Path: stateName(n), Err: fs.ErrNotExist}) // replaced meanwhile
	}
	if err := checkRegular(f.file(n), info); err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(file, maxStateFile+1))
	if err == nil && len(raw) > maxStateFile {
		return nil, &Error{Path: f.file(n), Rule: ErrSize}
	}
	return raw, f.failed(err)
}

// writeTemp writes and syncs a file, mode 0600, that is to become version n.
func (f *folder) writeTemp(n uint64, raw []byte) (name string, err error) {
	name, err = atomicfile.Temp(f.root, stateName(n)+".tmp-", raw, 0o600)
	return name, f.failed(err)
}
