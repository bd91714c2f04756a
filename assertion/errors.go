package assertion

import "strconv"

// Error is the authorization server's refusal (RFC 6749 §5.2). It never holds
// the body, a token or a key.
type Error struct {
	Status      int    // HTTP status code
	Code        string // "error"
	Description string // "error_description"
}

// Error returns status, code and description.
func (e *Error) Error() string {
	s := "assertion: the server answered " + strconv.Itoa(e.Status)
	if e.Code != "" {
		s += " " + e.Code
	}
	if e.Description != "" {
		s += ": " + e.Description
	}
	return s
}
