// Package textfile reads text as editors and shells write it.
package textfile

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// Decode returns UTF-8 without a byte order mark, with which editors on Windows
// begin a file. PowerShell's > writes UTF-16. It reports false for any other
// encoding, and for half of a UTF-16 pair, which it replaces by U+FFFD.
func Decode(data []byte) (text []byte, ok bool) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return bytes.TrimPrefix(data, []byte("\ufeff")), utf8.Valid(data)
	}
	units := make([]uint16, len(data)/2)
	_, err := binary.Decode(data, order, units)
	text = []byte(string(utf16.Decode(units)[1:]))
	return text, err == nil && len(data)%2 == 0 && !bytes.ContainsRune(text, utf8.RuneError)
}
