package keys

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"github.com/nokkel/nokkel/internal/textfile"
)

// maxWrapping bounds how often a key may be wrapped (a JSON string in a
// base64 file, say) before it stops being believable.
const maxWrapping = 4

type form int

const (
	formJSON form = iota
	formPEM
	formDER
)

// unwrap takes string quotes, escapes and base64 off until JSON, PEM or DER
// is left.
func unwrap(data []byte) ([]byte, form, error) {
	if len(data) > maxInput {
		return nil, 0, refuse(ErrTooLarge, "input over 64 KiB")
	}
	for range maxWrapping + 1 {
		// DER comes before any trimming, for its last byte may look like a
		// space. No text form starts with '0', not even base64 of one.
		if len(data) > 0 && data[0] == 0x30 {
			return data, formDER, nil
		}
		text, ok := textfile.Decode(data)
		text = bytes.TrimSpace(text)
		isPEM := bytes.Contains(text, []byte("-----BEGIN ")) // openssl writes lines before it
		switch {
		case isPEM && !ok:
			return text, formPEM, nil // those lines name what it is in Latin-1
		case !ok:
			return nil, 0, refuse(ErrMalformed, "text is neither UTF-8 nor UTF-16 with a byte order mark")
		case len(text) == 0:
			return nil, 0, refuse(ErrMalformed, "empty input")
		case text[0] == '"':
			data, ok = unquote(text)
		case text[0] == '{' && !escapedQuotes(text):
			return text, formJSON, nil
		case text[0] == '{' || text[0] == '\\':
			data, ok = unescape(text)
		case isPEM:
			return text, formPEM, nil
		default:
			data, ok = decodeBase64(text)
		}
		if !ok {
			return nil, 0, refuse(ErrMalformed, "not JSON, PEM, DER, base64 or a JSON string of these")
		}
	}
	return nil, 0, refuse(ErrMalformed, "wrapped too often")
}

// escapedQuotes reports whether the text is {\u0022kty… or {\"kty… and not JSON.
func escapedQuotes(text []byte) bool {
	rest := bytes.TrimLeft(text[1:], " \t\r\n")
	return len(rest) > 0 && rest[0] == '\\'
}

func unquote(text []byte) ([]byte, bool) {
	var s string
	err := json.Unmarshal(text, &s)
	return []byte(s), err == nil
}

// unescape reads the inside of a JSON string without its own quotes. Real
// line ends may stand between the escapes.
func unescape(text []byte) ([]byte, bool) {
	quoted := append([]byte{'"'}, text...)
	for i, c := range quoted {
		if c == '\n' || c == '\r' || c == '\t' {
			quoted[i] = ' '
		}
	}
	return unquote(append(quoted, '"'))
}

// decodeBase64 takes both alphabets, with or without padding and line ends.
func decodeBase64(text []byte) ([]byte, bool) {
	text = bytes.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n':
			return -1
		case '-':
			return '+'
		case '_':
			return '/'
		}
		return r
	}, bytes.TrimRight(text, "="))
	out, err := base64.RawStdEncoding.AppendDecode(nil, text)
	return out, err == nil
}
