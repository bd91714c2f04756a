package keys

import (
	"math/big"
	"math/bits"
	"slices"
)

// isROCA reports whether a modulus has the fingerprint of the primes that
// Infineon's library made until 2017, from which such keys can be factored
// (CVE-2017-15361): they are k·M + (65537ᵃ mod M) with M the product of the
// first primes, so that the modulus is a power of 65537 for each of these. Of
// those up to 167, 65537 generates all residues but for the ones below; a
// modulus of another origin passes all of these in one of 2²⁷ cases.
func isROCA(n *big.Int) bool {
	for _, p := range [...]uint{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157} {
		var rest uint
		for _, word := range slices.Backward(n.Bits()) {
			rest = bits.Rem(rest, uint(word), p)
		}
		if !isPower(rest, p) {
			return false // after one or two primes, as a rule
		}
	}
	return true
}

// isPower reports whether x is a power of 65537 modulo the prime p.
func isPower(x, p uint) bool {
	for power := 65537 % p; ; power = power * 65537 % p {
		if power == x {
			return true
		}
		if power == 1 {
			return false
		}
	}
}
