package keys

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
)

// Header says which members the protected header of a token has besides
// "alg", which is always the key's own. "kid" is in it unless EmbedJWK is set.
type Header struct {
	Type     string // "typ" (RFC 7515 §4.1.9); empty: none
	EmbedJWK bool   // the public key itself as "jwk", in place of "kid" (RFC 9449 §4.2)
}

// Sign returns the compact JWS (RFC 7515 §3.1) of payload, made with one
// signature. The header is encoded once per key and Header. The context
// reaches signers that implement [ContextSigner].
func (k *Key) Sign(ctx context.Context, h Header, payload []byte) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	prefix := k.headers.get(k.public, h)
	enc := base64.RawURLEncoding
	// One allocation for the whole token; P-521 and RSA-8192 included.
	buf := make([]byte, 0, len(prefix)+enc.EncodedLen(len(payload))+1+enc.EncodedLen(k.signatureSize()))
	buf = append(buf, prefix...)
	buf = enc.AppendEncode(buf, payload)
	sig, err := k.signRaw(ctx, buf)
	if err != nil {
		return "", err
	}
	buf = append(buf, '.')
	buf = enc.AppendEncode(buf, sig)
	return string(buf), nil
}

// signRaw signs the bytes of message and returns the signature in its JWS
// form (RFC 7518 §3.3 to §3.5, RFC 8037 §3.1).
func (k *Key) signRaw(ctx context.Context, message []byte) ([]byte, error) {
	input := message
	if k.method.hash != 0 {
		h := k.method.hash.New()
		h.Write(message)
		input = h.Sum(make([]byte, 0, 64))
	}
	var (
		sig []byte
		err error
	)
	if s, ok := k.signer.(ContextSigner); ok {
		sig, err = s.SignContext(ctx, rand.Reader, input, k.method.opts)
	} else {
		sig, err = k.signer.Sign(rand.Reader, input, k.method.opts)
	}
	if err != nil {
		return nil, fmt.Errorf("keys: signing: %w", err)
	}
	size := k.signatureSize()
	if k.method.scheme == schemeECDSA {
		sig, err = rawECDSA(sig, size)
	} else if len(sig) != size {
		err = errors.New("keys: the signer returned a signature of " + strconv.Itoa(len(sig)) + " bytes, not " + strconv.Itoa(size))
	}
	return sig, err
}

func (k *Key) signatureSize() int { return k.public.signatureSize() }

// rawECDSA turns the DER form SEQUENCE{r, s} into r ‖ s, each padded to half
// of size (RFC 7518 §3.4). Signers outside this process make the DER, so its
// shape is checked.
func rawECDSA(der []byte, size int) ([]byte, error) {
	bad := errors.New("keys: the signer returned a malformed ECDSA signature")
	body, rest, ok := derElement(der, 0x30)
	if !ok || len(rest) != 0 {
		return nil, bad
	}
	r, body, ok := derElement(body, 0x02)
	if !ok {
		return nil, bad
	}
	s, body, ok := derElement(body, 0x02)
	if !ok || len(body) != 0 {
		return nil, bad
	}
	raw := make([]byte, size)
	if !putInteger(raw[:size/2], r) || !putInteger(raw[size/2:], s) {
		return nil, bad
	}
	return raw, nil
}

// derElement splits one element of the given tag off b. Signatures are under
// 256 bytes, so lengths take at most two bytes.
func derElement(b []byte, tag byte) (value, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, nil, false
	}
	n, b := int(b[1]), b[2:]
	if n == 0x81 && len(b) > 0 {
		n, b = int(b[0]), b[1:]
	} else if n >= 0x80 {
		return nil, nil, false
	}
	if n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// putInteger right-aligns a positive DER integer in dst.
func putInteger(dst, i []byte) bool {
	for len(i) > 0 && i[0] == 0 {
		i = i[1:]
	}
	if len(i) == 0 || len(i) > len(dst) {
		return false
	}
	copy(dst[len(dst)-len(i):], i)
	return true
}

// headerCache holds the encoded headers of one key, dot included. A program
// uses two or three; past the last place headers are encoded anew each time.
type headerCache [4]atomic.Pointer[encodedHeader]

type encodedHeader struct {
	header  Header
	encoded string
}

func (c *headerCache) get(p *PublicKey, h Header) string {
	for i := range c {
		e := c[i].Load()
		if e == nil {
			e = &encodedHeader{h, encodeHeader(p, h)}
			c[i].CompareAndSwap(nil, e)
		}
		if e.header == h {
			return e.encoded
		}
	}
	return encodeHeader(p, h)
}

func encodeHeader(p *PublicKey, h Header) string {
	b := append(make([]byte, 0, 512), `{"alg":"`...)
	b = append(b, p.alg...)
	b = append(b, '"')
	if h.EmbedJWK {
		b = append(b, `,"jwk":`...)
		b = append(b, p.minimal...)
	} else {
		b = append(b, `,"kid":`...)
		b = appendString(b, p.kid)
	}
	if h.Type != "" {
		b = append(b, `,"typ":`...)
		b = appendString(b, h.Type)
	}
	b = append(b, '}')
	return base64.RawURLEncoding.EncodeToString(b) + "."
}
