package keys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
)

// ContextSigner is an optional interface of the crypto.Signer given to [New]:
// a signer that calls a network service (KMS) gets the caller's context.
//
// Signatures of signers outside the standard library are verified before they
// are used. That costs little next to a round trip to a device, and a handle
// that points to the wrong key fails here and not at a server. Their errors
// are wrapped in an *[Error] with [ErrSigner], whose text leaves them out.
type ContextSigner interface {
	SignContext(ctx context.Context, rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

// callSigner has digest (for Ed25519: the message) signed, in the form that
// the standard library defines for the type of key.
func (k *Key) callSigner(ctx context.Context, digest []byte) (sig []byte, err error) {
	signer := k.private()
	if s, ok := signer.(ContextSigner); ok {
		sig, err = s.SignContext(ctx, rand.Reader, digest, k.method.opts)
	} else {
		sig, err = signer.Sign(rand.Reader, digest, k.method.opts)
	}
	if err != nil {
		return nil, signerError(ctx, err)
	}
	if k.foreign && !k.verifies(digest, sig) {
		return nil, refuse(ErrSigner, "its signature does not verify with its key")
	}
	return sig, nil
}

func signerError(ctx context.Context, cause error) error {
	detail := "it returned an error"
	if end := ctx.Err(); end != nil && errors.Is(cause, end) {
		detail = end.Error()
	}
	return &Error{Rule: ErrSigner, Detail: detail, cause: func() error { return cause }}
}

func (k *Key) verifies(digest, sig []byte) bool {
	switch pub := k.public.key.(type) {
	case *rsa.PublicKey:
		if opts, ok := k.method.opts.(*rsa.PSSOptions); ok {
			return rsa.VerifyPSS(pub, k.method.hash, digest, sig, opts) == nil
		}
		return rsa.VerifyPKCS1v15(pub, k.method.hash, digest, sig) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(pub, digest, sig)
	case ed25519.PublicKey:
		return ed25519.Verify(pub, digest, sig)
	}
	return false
}

// rawECDSA turns the DER form SEQUENCE{r, s} into r ‖ s, each padded to half
// of size (RFC 7518 §3.4). encoding/asn1 would do, at a twentieth of the cost
// of the signature.
func rawECDSA(der []byte, size int) ([]byte, bool) {
	body, rest, ok := derElement(der, 0x30)
	if !ok || len(rest) != 0 {
		return nil, false
	}
	r, body, ok := derElement(body, 0x02)
	if !ok {
		return nil, false
	}
	s, body, ok := derElement(body, 0x02)
	if !ok || len(body) != 0 {
		return nil, false
	}
	raw := make([]byte, size)
	return raw, putInteger(raw[:size/2], r) && putInteger(raw[size/2:], s)
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
