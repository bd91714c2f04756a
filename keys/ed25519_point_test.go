package keys_test

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lowOrder lists the points of order 1, 2, 4 and 8.
var lowOrder = []string{
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
}

func TestInvalidEd25519Points(t *testing.T) {
	bad := map[string][]byte{}
	for _, encoded := range lowOrder {
		point, err := hex.DecodeString(encoded)
		require.NoError(t, err)
		require.True(t, isLowOrder(t, point), encoded)
		require.True(t, onCurve(point), encoded)
		bad["low order "+encoded] = point
	}
	prime := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	for y := range int64(19) { // encoded as y+p
		for _, sign := range []byte{0, 0x80} {
			point := littleEndian(new(big.Int).Add(prime, big.NewInt(y)))
			point[31] |= sign
			bad["not canonical "+hex.EncodeToString(point)] = point
		}
	}
	for _, encoded := range lowOrder[:2] { // x is 0 and has no sign
		point, _ := hex.DecodeString(encoded)
		point[31] |= 0x80
		bad["signed zero "+encoded] = point
	}
	off := make([]byte, 32)
	for off[0] = 2; onCurve(off); off[0]++ {
	}
	bad["off the curve"] = off
	bad["short"], bad["long"] = off[1:], append(slices.Clone(off), 0)
	for name, point := range bad {
		key := ed25519.PublicKey(point)
		_, err := keys.NewPublicKey(key, keys.Options{})
		refused(t, err, keys.ErrInvalidPoint, name, nil)
		jwk := []byte(`{"kty":"OKP","crv":"Ed25519","x":` + b64(point) + `}`)
		_, err = keys.ParsePublic(jwk, keys.Options{})
		refused(t, err, keys.ErrInvalidPoint, name, nil)
		set, err := keys.ParseSet([]byte(`{"keys":[` + string(jwk) + `]}`))
		require.NoError(t, err)
		assert.Empty(t, set.Keys, name)
		_, err = keys.New(&device{public: key}, keys.Options{})
		refused(t, err, keys.ErrInvalidPoint, name, nil)
		if len(point) != ed25519.PublicKeySize {
			continue
		}
		der, err := x509.MarshalPKIXPublicKey(key)
		require.NoError(t, err)
		for _, data := range [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})} {
			_, err = keys.ParsePublic(data, keys.Options{})
			refused(t, err, keys.ErrInvalidPoint, name, nil)
		}
	}
}

// Random encodings are compared with crypto/ed25519, for points on the curve, and
// crypto/ecdh, for points of low order.
func TestEd25519PointsAgreeWithTheStandardLibrary(t *testing.T) {
	taken := 0
	for range 2000 {
		point := make([]byte, 32)
		rand.Read(point)
		_, err := keys.NewPublicKey(ed25519.PublicKey(point), keys.Options{})
		require.Equal(t, onCurve(point) && !isLowOrder(t, point), err == nil, "%x", point)
		if err == nil {
			taken++
		}
	}
	assert.InDelta(t, 1000, taken, 300, "half of all y are on the curve")
	for range 200 { // generated keys are valid
		_, err := keys.Generate(keys.EdDSA)
		require.NoError(t, err)
	}
}

// onCurve asks crypto/ed25519, which reports it only in the text of its error.
func onCurve(point []byte) bool {
	err := ed25519.VerifyWithOptions(point, nil, make([]byte, ed25519.SignatureSize), &ed25519.Options{})
	return err == nil || !strings.Contains(err.Error(), "bad public key")
}

// isLowOrder asks crypto/ecdh about the point u = (1+y)/(1-y) of the birationally
// equivalent curve (RFC 7748 §4.1).
func isLowOrder(t *testing.T, point []byte) bool {
	b := slices.Clone(point)
	b[31] &= 0x7f
	slices.Reverse(b)
	one, p := big.NewInt(1), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	y := new(big.Int).SetBytes(b)
	u := new(big.Int).ModInverse(new(big.Int).Mod(new(big.Int).Sub(one, y), p), p)
	if u == nil {
		return true // y is 1: the identity
	}
	u.Mul(u, new(big.Int).Add(one, y)).Mod(u, p)
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	public, err := ecdh.X25519().NewPublicKey(littleEndian(u))
	require.NoError(t, err)
	_, err = private.ECDH(public)
	return err != nil
}

func littleEndian(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}
