package filestore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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

func stateName(n uint64) string { return "state-" + strconv.FormatUint(n, 10) }

// parseName reads the name of a version ("state-7") or of a temporary file
// ("state-7.tmp-1234"). Everything else in the directory is not ours: 0.
func parseName(name string) (number uint64, temp bool) {
	digits, ok := strings.CutPrefix(name, "state-")
	if !ok {
		return 0, false
	}
	digits, _, temp = strings.Cut(digits, ".tmp-")
	n, err := strconv.ParseUint(digits, 10, 62)
	if err != nil || strconv.FormatUint(n, 10) != digits {
		return 0, false
	}
	return n, temp
}

// dirVersion names a version by its number and its content: a number may come
// back when somebody empties the directory, the name does not.
func dirVersion(n uint64, raw []byte) string {
	if n == 0 {
		return ""
	}
	sum := sha256.Sum256(raw)
	return strconv.FormatUint(n, 10) + fmt.Sprintf("-%x", sum[:8])
}
