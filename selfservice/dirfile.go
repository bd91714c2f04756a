package selfservice

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A state file is this line, with the SHA-256 of the blob in hex before the
// newline, and the blob.
const stateMagic = "nokkel-state-1 "

func encodeState(blob []byte) []byte {
	return append(stateHeader(blob), blob...)
}

// decodeState returns the blob, or false if a single bit is not as
// encodeState made it.
func decodeState(raw []byte) (blob []byte, ok bool) {
	_, blob, _ = bytes.Cut(raw, []byte{'\n'})
	return blob, bytes.HasPrefix(raw, stateHeader(blob))
}

func stateHeader(blob []byte) []byte {
	sum := sha256.Sum256(blob)
	return append(hex.AppendEncode([]byte(stateMagic), sum[:]), '\n')
}

// tempFile is a file that is, or was, to become version number.
type tempFile struct {
	name   string
	number uint64
}

func (d Dir) file(n uint64) string {
	return filepath.Join(string(d), "state-"+strconv.FormatUint(n, 10))
}

// parseName reads the name of a version ("state-7") or of a temporary file
// ("state-7.tmp-1234"). Everything else in the directory is not ours: 0.
func parseName(name string) (number uint64, temp bool) {
	digits, ok := strings.CutPrefix(name, "state-")
	if !ok {
		return 0, false
	}
	digits, _, temp = strings.Cut(digits, ".tmp-")
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || strconv.FormatUint(n, 10) != digits {
		return 0, false
	}
	return n, temp
}

// list returns the versions in ascending order and the temporary files. A
// directory that does not exist is empty.
func (d Dir) list() (versions []uint64, temps []tempFile, err error) {
	if d == "" {
		return nil, nil, fmt.Errorf("%w: Dir has no path", ErrConfig)
	}
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	for _, e := range entries {
		switch n, temp := parseName(e.Name()); {
		case n == 0:
		case temp:
			temps = append(temps, tempFile{e.Name(), n})
		default:
			versions = append(versions, n)
		}
	}
	slices.Sort(versions)
	return versions, temps, err
}

// writeTemp writes and syncs a file, mode 0600, that is to become version n.
func (d Dir) writeTemp(n uint64, raw []byte) (name string, err error) {
	f, err := os.CreateTemp(string(d), "state-"+strconv.FormatUint(n, 10)+".tmp-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(raw); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}
