package jws

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// go-jose signs with every algorithm.
func TestVerify(t *testing.T) {
	rsa, err := keys.GenerateRSA(keys.RS256, 2048)
	require.NoError(t, err)
	for _, alg := range []keys.Algorithm{keys.RS256, keys.RS384, keys.RS512, keys.PS256, keys.PS384, keys.PS512, keys.ES256, keys.ES384, keys.ES512, keys.EdDSA} {
		t.Run(string(alg), func(t *testing.T) {
			key, err := rsa.With(keys.Options{Algorithm: alg})
			if err != nil {
				key, err = keys.Generate(alg)
			}
			require.NoError(t, err)
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key.Signer()}, nil)
			require.NoError(t, err)
			signed, err := signer.Sign([]byte(`{"a":1}`))
			require.NoError(t, err)
			compact, err := signed.CompactSerialize()
			require.NoError(t, err)
			token, ok := Parse(compact)
			require.True(t, ok)
			assert.Equal(t, `{"a":1}`, string(token.Payload))
			assert.Equal(t, `{"alg":"`+string(alg)+`"}`, string(token.Header))
			public := key.PublicKey().Public()
			assert.True(t, Verify(public, alg, token.Signed, token.Signature))
			assert.False(t, Verify(public, alg, token.Signed+"A", token.Signature))
			assert.False(t, Verify(public, alg, token.Signed, token.Signature[1:]))
			assert.False(t, Verify(public, alg, token.Signed, append(token.Signature, 0)))
			assert.False(t, Verify(public, alg, token.Signed, nil))
			for _, other := range []keys.Algorithm{"", "none", "HS256", "E", "RS256 ", keys.RS256, keys.RS384, keys.PS256, keys.ES256, keys.ES384, keys.ES512, keys.EdDSA} {
				if other != alg {
					assert.False(t, Verify(public, other, token.Signed, token.Signature), other)
				}
			}
		})
	}
	assert.False(t, Verify(nil, keys.ES256, "", nil))
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	assert.False(t, Verify(p224.Public(), keys.ES256, "", make([]byte, 56)))
}

func TestParseErrors(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "no dot": "YQ", "one dot": "YQ.YQ", "three dots": "YQ.YQ.YQ.YQ", "padding": "YQ==.YQ.YQ", "line end": "YQ\n.YQ.YQ",
		"standard alphabet": "+/+/.YQ.YQ", "tail bits": "YR.YQ.YQ", "tail bits at the end": "YQ.YQ.YR", "one letter": "Y.YQ.YQ", "space": "YQ.YQ.YQ ",
	} {
		_, ok := Parse(text)
		assert.False(t, ok, name)
	}
	token, ok := Parse("..")
	assert.True(t, ok)
	assert.Empty(t, token.Header)
}

// FuzzParse checks that an accepted JWS has one encoding.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"YQ.YWI.YWJj", "..", "YR.YQ.YQ", "YQ==.YQ.YQ", "a.b.c.d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, ok := Parse(text)
		if !ok {
			return
		}
		enc := base64.RawURLEncoding.EncodeToString
		require.Equal(t, text, enc(token.Header)+"."+enc(token.Payload)+"."+enc(token.Signature))
		require.Equal(t, text[:strings.LastIndexByte(text, '.')], token.Signed)
	})
}
