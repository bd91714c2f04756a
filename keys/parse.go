package keys

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"unicode/utf8"
)

// maxInput bounds every key, set and key file that is read, in bytes.
const maxInput = 64 << 10

// maxWrapping bounds how often a key may be wrapped (a JSON string in a
// base64 file, say) before it stops being believable.
const maxWrapping = 4

// Parse reads one private signing key in any form that is found on disks: a
// JWK, a JWKS with one private key, PEM (PKCS#8, PKCS#1, SEC 1; certificates
// in the same text become the chain), a JSON string that holds any of these,
// the same with \u0022 or \" for its quotes, and base64 of any of these.
// Non-zero fields of o replace what the input says.
func Parse(data []byte, o Options) (*Key, error) {
	data, form, err := unwrap(data)
	if err != nil {
		return nil, err
	}
	switch form {
	case formJSON:
		return parseJSONKey(data, o)
	case formPEM:
		return parsePEM(data, o)
	default:
		return parseDER(data, o)
	}
}

// ParsePublic reads one public key: a JWK, a JWKS with one signing key, PEM
// (SubjectPublicKeyInfo, PKCS#1 or a certificate), or any of the wrapped forms
// of [Parse]. A private key is refused with [ErrPrivateKey].
func ParsePublic(data []byte, o Options) (*PublicKey, error) {
	data, form, err := unwrap(data)
	if err != nil {
		return nil, err
	}
	switch form {
	case formJSON:
		return parseJSONPublic(data, o)
	case formPEM:
		return parsePublicPEM(data, o)
	default:
		return nil, refuse(ErrMalformed, "not a JWK, a JWKS or PEM")
	}
}

// ReadFile reads a private key from a file of at most 64 KiB; see [Parse].
// Errors of the file system are *fs.PathError.
func ReadFile(name string) (*Key, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err != nil {
		return nil, err
	}
	return Parse(data, Options{})
}

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
	for range maxWrapping {
		data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
		switch {
		case len(data) == 0:
			return nil, 0, refuse(ErrMalformed, "empty input")
		case data[0] == 0x30 && len(data) > 1 && data[1] >= 0x80:
			return data, formDER, nil // a DER SEQUENCE; in text, 0x30 is a digit followed by ASCII
		case !utf8.Valid(data):
			return nil, 0, refuse(ErrMalformed, "text is not UTF-8")
		case bytes.HasPrefix(data, []byte("-----BEGIN ")),
			bytes.Contains(data, []byte("\n-----BEGIN ")): // openssl puts lines of explanation before it (RFC 7468 §5.2)
			return data, formPEM, nil
		case data[0] == '"':
			var s string
			if json.Unmarshal(data, &s) != nil {
				return nil, 0, refuse(ErrMalformed, "broken JSON string")
			}
			data = []byte(s)
		case data[0] == '{' && !escapedQuotes(data):
			return data, formJSON, nil
		case data[0] == '{' || data[0] == '\\':
			// The inside of a JSON string without its own quotes.
			var s string
			if json.Unmarshal(append(append([]byte{'"'}, data...), '"'), &s) != nil {
				return nil, 0, refuse(ErrMalformed, "broken escapes")
			}
			data = []byte(s)
		default:
			decoded, ok := decodeBase64(data)
			if !ok {
				return nil, 0, refuse(ErrMalformed, "not JSON, PEM or base64")
			}
			data = decoded
		}
	}
	return nil, 0, refuse(ErrMalformed, "wrapped too often")
}

// escapedQuotes tells {\u0022kty… and {\"kty… from JSON proper.
func escapedQuotes(data []byte) bool {
	rest := bytes.TrimLeft(data[1:], " \t\r\n")
	return len(rest) > 0 && rest[0] == '\\'
}

// decodeBase64 takes both alphabets, with or without padding and line ends.
func decodeBase64(data []byte) ([]byte, bool) {
	text := bytes.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n', '=':
			return -1
		case '-':
			return '+'
		case '_':
			return '/'
		}
		return r
	}, data)
	out, err := base64.RawStdEncoding.AppendDecode(nil, text)
	return out, err == nil
}
