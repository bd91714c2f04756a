package keys

import (
	"crypto/ed25519"
	"math/big"
	"slices"
)

// checkEdwards refuses an Ed25519 public key that is not the one encoding of a
// point (RFC 8032 §5.1.3), and a point whose order divides 8: under such a key
// signatures are valid that nobody made. crypto/ed25519 looks at neither before
// it verifies. With y² at hand, the curve −x² + y² = 1 + d·x²·y² and d =
// −121665/121666, all is multiplied by 121666 to stay with small numbers.
func checkEdwards(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize {
		return refuse(ErrInvalidPoint, "an Ed25519 key has 32 bytes")
	}
	bigEndian := slices.Clone(key)
	slices.Reverse(bigEndian)
	bigEndian[0] &= 0x7f // the sign of x
	y := new(big.Int).SetBytes(bigEndian)
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	p.Sub(p, big.NewInt(19))
	if y.Cmp(p) >= 0 {
		return refuse(ErrInvalidPoint, "the Ed25519 key is not in its canonical form")
	}
	n, m := big.NewInt(121666), big.NewInt(121665)
	yy := new(big.Int).Mul(y, y)
	yy.Mod(yy, p)
	u := new(big.Int).Sub(yy, big.NewInt(1)) // x² = u/v
	v := new(big.Int).Mul(m, yy)
	v.Sub(n, v)

	// Points of order 1 and 2 have x = 0, of order 4 y = 0, and those of order
	// 8 double to the latter: x² = −y², which is d·y⁴ + 2·y² = 1.
	eight := new(big.Int).Mul(v, yy)
	eight.Add(eight, new(big.Int).Mul(n, u))
	if yy.Sign() == 0 || u.Sign() == 0 || eight.Mod(eight, p).Sign() == 0 {
		return refuse(ErrInvalidPoint, "the Ed25519 key is of low order")
	}
	v.Mul(v, n)
	v.Mul(v, u)
	if big.Jacobi(v.Mod(v, p), p) != 1 { // u/v is a square where u·v is
		return refuse(ErrInvalidPoint, "the point is not on the curve")
	}
	return nil
}
