package dpop_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
)

// BenchmarkHostileProof measures refused proofs. Here x-raw is the ratio to the
// check of a valid one. At an API only the owner of the token's key can make a
// Verifier verify a signature. At a token endpoint anyone can, with any accepted
// algorithm, so Algorithms may name fewer there.
func BenchmarkHostileProof(b *testing.B) {
	v := &dpop.Verifier{Replay: &dpop.Memory{}}
	good := with(forge(goodHeader().String(), goodClaims().String()))
	verified := func() {
		if _, err := v.Check(b.Context(), good); err != nil {
			b.Fatal(err)
		}
	}
	members := &strings.Builder{}
	for i := range 650 {
		fmt.Fprintf(members, `"%x":0,`, i)
	}
	rsa := func(bits int, e int64) string {
		jwk := rsaJWK(bits, b64(big.NewInt(e).Bytes()))
		proof := forge(goodHeader().with("alg", `"RS256"`).with("jwk", jwk.String()).String(), goodClaims().String())
		return proof[:strings.LastIndexByte(proof, '.')+1] + b64(append([]byte{0x7f}, make([]byte, bits/8-1)...))
	}
	es512, err := keys.Generate(keys.ES512)
	if err != nil {
		b.Fatal(err)
	}
	p521, err := dpop.Sign(b.Context(), es512, dpop.Proof{URL: patients, AccessToken: keys.NewSecret(forgedToken)})
	if err != nil {
		b.Fatal(err)
	}
	anyKey := func(proof string) dpop.Request {
		r := with(proof)
		r.JKT, r.AnyKey = "", true
		return r
	}
	for name, r := range map[string]dpop.Request{
		"8 KiB of dots":                   with(strings.Repeat(".", 8<<10)),
		"8 KiB of base64url":              with(strings.Repeat("A", 8<<10)),
		"3 MiB":                           with(strings.Repeat("A", 3<<20)),
		"650 members, the last one twice": with(forge(strings.Replace(goodHeader().String(), "{", "{"+members.String()+`"289":0,`, 1), goodClaims().String())),
		"nested deep":                     with(forge(goodHeader().String(), strings.Replace(goodClaims().String(), "{", `{"x":`+strings.Repeat("[", 5000), 1))),
		"another signature":               with(good.Proofs[0][:len(good.Proofs[0])-86] + b64(rawES256("another message"))),
		"P-521, at an API":                with(p521[:len(p521)-8] + "AAAAAAAA"),
		"P-521, any key":                  anyKey(p521[:len(p521)-8] + "AAAAAAAA"),
		"RSA-16384, any key":              anyKey(rsa(16384, 65537)),
		"RSA-8192, any key":               anyKey(rsa(8192, 65537)),
		"RSA-4096, at an API":             with(rsa(4096, 65537)),
		"RSA-4096, any key":               anyKey(rsa(4096, 65537)),
		"RSA-4096, any key, e = 2^31-1":   anyKey(rsa(4096, 1<<31-1)),
	} {
		b.Run(name, func(b *testing.B) {
			versus(b, verified, func() {
				if _, err := v.Check(b.Context(), r); err == nil {
					b.Fatal("taken")
				}
			})
		})
	}
}
