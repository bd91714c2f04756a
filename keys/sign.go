package keys

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
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
// reaches signers that implement [ContextSigner]; the signer's errors are the
// only others ([ErrSigner]).
func (k *Key) Sign(ctx context.Context, h Header, payload []byte) (string, error) {
	if k.private == nil {
		return "", refuse(ErrNoPrivateKey, "the zero Key")
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	prefix := k.headers.get(k.public, h)
	enc := base64.RawURLEncoding
	// One allocation for the whole token; P-521 and RSA-8192 included.
	buf := make([]byte, 0, len(prefix)+enc.EncodedLen(len(payload))+1+enc.EncodedLen(k.public.signatureSize()))
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
	sig, err := k.callSigner(ctx, input)
	if err != nil || k.method.scheme != schemeECDSA {
		return sig, err
	}
	raw, ok := rawECDSA(sig, k.public.signatureSize())
	if !ok {
		return nil, refuse(ErrSigner, "it returned no DER signature")
	}
	return raw, nil
}

// signatureSize is the length in bytes of a JWS signature by this key.
func (p *PublicKey) signatureSize() int {
	switch k := p.key.(type) {
	case *rsa.PublicKey:
		return k.Size()
	case *ecdsa.PublicKey:
		return 2 * ((k.Curve.Params().BitSize + 7) / 8)
	}
	return ed25519.SignatureSize
}

// headerCache holds the encoded headers of one key, dot included. A program
// uses two or three; past the last place headers are encoded each time.
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
