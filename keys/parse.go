package keys

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// maxInput bounds every key, set and key file that is read, in bytes.
const maxInput = 64 << 10

// Parse reads one private signing key in any form found in practice: a JWK, a
// JWKS with one private key, PEM (PKCS#8, PKCS#1, SEC 1; certificates in the
// same text become the chain), a JSON string that holds any of these, the
// same with \u0022 or \" for its quotes, DER, and base64 of any of these; in
// UTF-8, or in UTF-16 with a byte order mark, as Windows tools write it.
// Non-zero fields of o override what the input says.
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
// (SubjectPublicKeyInfo, PKCS#1 or a certificate), its DER, or any of the
// wrapped forms of [Parse]. A private key is refused with [ErrPrivateKey].
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
		return parsePublicDER(data, o)
	}
}

// ReadFile reads a private key from a file of at most 64 KiB; see [Parse]. It
// checks neither the owner nor the mode of the file, which may be a pipe: then it
// returns when the other end has been closed.
// Its errors name the file once; those of the file system wrap an
// *fs.PathError.
func ReadFile(name string) (*Key, error) {
	data, err := readFile(name)
	if err != nil {
		return nil, fmt.Errorf("keys: reading a file: %w", err)
	}
	key, err := Parse(data, Options{})
	var refused *Error
	if errors.As(err, &refused) {
		refused.File = name
	}
	return key, err
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxInput+1))
}
