// Package sqlname checks table names that go into a statement unquoted.
package sqlname

import "strings"

// Valid reports whether name is one of lower-case letters, digits and _, 1 to
// 63 of them, with "schema." before it if wanted.
func Valid(name string) bool {
	parts := strings.Split(name, ".")
	for _, part := range parts {
		if len(parts) > 2 || !identifier(part) {
			return false
		}
	}
	return true
}

func identifier(s string) bool {
	for i, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c == '_' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != "" && len(s) <= 63
}
