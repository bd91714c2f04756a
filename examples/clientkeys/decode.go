package main

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// decode returns the content of a text file. Editors on Windows begin one with
// a byte order mark, and PowerShell's > writes UTF-16.
func decode(data []byte) (text string, ok bool) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return string(bytes.TrimPrefix(data, []byte("\ufeff"))), utf8.Valid(data)
	}
	units := make([]uint16, len(data)/2)
	_, err := binary.Decode(data, order, units)
	text = string(utf16.Decode(units)[1:])
	// Half a pair has become a replacement character, which is another password.
	return text, err == nil && len(data)%2 == 0 && !strings.ContainsRune(text, utf8.RuneError)
}
