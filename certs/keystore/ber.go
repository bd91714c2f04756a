package keystore

import (
	"bytes"
	"slices"

	"github.com/nokkel/nokkel/keys"
)

// maxBERDepth is more than an archive has levels.
const maxBERDepth = 32

// Tags, as their identifier octets (X.690 §8.1.2).
const (
	berOctets      = 0x04
	berOID         = 0x06
	berConstructed = 0x20
	berSequence    = 0x30
	berContext0    = 0xa0
)

// toDER rewrites the BER of archives made by Bouncy Castle (Keycloak, among
// others): indefinite lengths (X.690 §8.1.3.6) and octet strings in pieces
// (§8.7.3). Input that does not begin with an indefinite length is returned
// as it is. By hand because go-pkcs12 v0.7.4 and encoding/asn1 read DER only.
func toDER(ber []byte) ([]byte, error) {
	if !bytes.HasPrefix(ber, []byte{berSequence, 0x80}) {
		return ber, nil
	}
	der, rest, err := element(ber, 0)
	if err == nil && len(rest) > 0 {
		err = errBER()
	}
	return der, err
}

func errBER() error { return refuse(keys.ErrMalformed, "broken BER") }

// element rewrites the first element of b.
func element(b []byte, depth int) (der, rest []byte, err error) {
	tag, body, rest, indefinite, err := split(b)
	switch {
	case err != nil:
		return nil, nil, err
	case depth > maxBERDepth:
		return nil, nil, errBER()
	case tag&berConstructed == 0:
		return appendElement(nil, tag, body), rest, nil
	}
	var children [][]byte
	for len(body) > 0 || indefinite {
		if indefinite && len(body) >= 2 && body[0] == 0 && body[1] == 0 {
			rest = body[2:]
			break
		}
		var child []byte
		if child, body, err = element(body, depth+1); err != nil {
			return nil, nil, err
		}
		children = append(children, child)
	}
	if tag == berOctets|berConstructed {
		der, err = join(berOctets, children)
		return der, rest, err
	}
	// EncryptedContentInfo (RFC 5652 §6.1) is the one place with an octet
	// string under an implicit tag: the third of a sequence that begins with
	// an object identifier.
	if tag == berSequence && len(children) == 3 && children[0][0] == berOID && children[2][0] == berContext0 {
		_, body, _, _, err := split(children[2])
		if err != nil {
			return nil, nil, err
		}
		var pieces [][]byte
		for len(body) > 0 {
			_, _, after, _, err := split(body)
			if err != nil {
				return nil, nil, err
			}
			pieces = append(pieces, body[:len(body)-len(after)])
			body = after
		}
		if children[2], err = join(berContext0&^berConstructed, pieces); err != nil {
			return nil, nil, err
		}
	}
	return appendElement(nil, tag, slices.Concat(children...)), rest, nil
}

// join makes one string of pieces that are octet strings themselves.
func join(tag byte, pieces [][]byte) ([]byte, error) {
	var all []byte
	for _, p := range pieces {
		t, body, _, _, err := split(p)
		if err != nil || t != berOctets {
			return nil, errBER()
		}
		all = append(all, body...)
	}
	return appendElement(nil, tag, all), nil
}

// split takes the header off an element. With an indefinite length body is
// all that follows, and its end is where the caller finds it.
func split(b []byte) (tag byte, body, rest []byte, indefinite bool, err error) {
	if len(b) < 2 || b[0]&0x1f == 0x1f { // no tag over 30 is in an archive
		return 0, nil, nil, false, errBER()
	}
	tag, n, b := b[0], int(b[1]), b[2:]
	switch {
	case n == 0x80:
		if tag&berConstructed == 0 {
			return 0, nil, nil, false, errBER()
		}
		return tag, b, nil, true, nil
	case n > 0x83 || n > 0x80 && len(b) < n&0x7f: // 16 MiB is more than is read at all
		return 0, nil, nil, false, errBER()
	case n > 0x80:
		octets := n & 0x7f
		n = 0
		for _, o := range b[:octets] {
			n = n<<8 | int(o)
		}
		b = b[octets:]
	}
	if n > len(b) {
		return 0, nil, nil, false, errBER()
	}
	return tag, b[:n], b[n:], false, nil
}

func appendElement(b []byte, tag byte, body []byte) []byte {
	b = append(b, tag)
	switch n := len(body); {
	case n < 0x80:
		b = append(b, byte(n))
	case n < 1<<8:
		b = append(b, 0x81, byte(n))
	case n < 1<<16:
		b = append(b, 0x82, byte(n>>8), byte(n))
	default:
		b = append(b, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, body...)
}
