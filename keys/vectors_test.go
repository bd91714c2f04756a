package keys_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// vector is a key printed in an RFC, with the values that the RFC derives from it.
type vector struct {
	Source     string
	JWK        json.RawMessage
	Alg        keys.Algorithm
	Thumbprint string
	Input      string // header.payload
	Signature  string
}

func vectors(t testing.TB) []vector {
	data, err := os.ReadFile("testdata/rfc.json")
	require.NoError(t, err)
	var all []vector
	require.NoError(t, json.Unmarshal(data, &all))
	require.Len(t, all, 7)
	return all
}

// TestRFCKeys reads the private keys printed in RFCs. go-jose verifies the RFC's
// signature with the key and reads what we write.
func TestRFCKeys(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Source, func(t *testing.T) {
			key, err := keys.Parse(v.JWK, keys.Options{Algorithm: v.Alg})
			require.NoError(t, err)
			if v.Thumbprint != "" {
				assert.Equal(t, v.Thumbprint, key.Thumbprint())
			}
			if v.Signature != "" {
				verified(t, v.Input+"."+v.Signature, key.PublicKey())
			}
			agreesWithGoJOSE(t, key)
			private, err := key.PrivateJWK()
			require.NoError(t, err)
			var want, got map[string]any
			require.NoError(t, json.Unmarshal(v.JWK, &want))
			require.NoError(t, json.Unmarshal(private, &got))
			for name, value := range want {
				assert.Equal(t, value, got[name], "member %s as in the RFC", name)
			}
		})
	}
}

// The token of RFC 7520 has our header, and PKCS#1 v1.5 is deterministic, so the
// whole token can be compared.
func TestSignRFC7520(t *testing.T) {
	v := vectors(t)[3]
	require.Equal(t, "RFC 7520 4.1", v.Source)
	key, err := keys.Parse(v.JWK, keys.Options{})
	require.NoError(t, err)
	_, payload, _ := strings.Cut(v.Input, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	require.NoError(t, err)
	token, err := key.Sign(t.Context(), keys.Header{}, text)
	require.NoError(t, err)
	assert.Equal(t, v.Input+"."+v.Signature, token)
}

func TestRFC7517Sets(t *testing.T) {
	public, err := os.ReadFile("testdata/rfc7517-a1.json")
	require.NoError(t, err)
	set, err := keys.ParseSet(public)
	require.NoError(t, err)
	require.Len(t, set.Keys, 1, "the EC key is for encryption")
	assert.Equal(t, "2011-04-29", set.Keys[0].KeyID())
	assert.Equal(t, keys.RS256, set.Keys[0].Algorithm())
	assert.Equal(t, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", set.Keys[0].Thumbprint())

	private, err := os.ReadFile("testdata/rfc7517-a2.json")
	require.NoError(t, err)
	key, err := keys.Parse(private, keys.Options{})
	require.NoError(t, err)
	assert.True(t, key.PublicKey().Equal(set.Key("2011-04-29")))
	_, err = keys.ParseSet(private)
	assert.ErrorIs(t, err, keys.ErrPrivateKey)
	_, err = keys.ParsePublic(private, keys.Options{})
	assert.ErrorIs(t, err, keys.ErrPrivateKey)
}

// agreesWithGoJOSE compares a key with go-jose: thumbprint, public and private
// JWK, and both conversions.
func agreesWithGoJOSE(t testing.TB, key *keys.Key) {
	var public, private jose.JSONWebKey
	require.NoError(t, public.UnmarshalJSON(key.PublicKey().JWK()))
	assert.Equal(t, key.PublicKey().Public(), public.Key)
	assert.Equal(t, key.KeyID(), public.KeyID)
	sum, err := public.Thumbprint(crypto.SHA256)
	require.NoError(t, err)
	assert.Equal(t, key.Thumbprint(), base64.RawURLEncoding.EncodeToString(sum))

	text, err := key.PrivateJWK()
	require.NoError(t, err)
	require.NoError(t, private.UnmarshalJSON(text))
	own, err := key.PrivateJOSE()
	require.NoError(t, err)
	assert.True(t, private.Key.(interface{ Equal(crypto.PrivateKey) bool }).Equal(own.Key))
	for _, jwk := range []jose.JSONWebKey{private, own} {
		again, err := keys.FromJOSE(jwk)
		require.NoError(t, err)
		assert.Equal(t, key.PublicKey().JWK(), again.PublicKey().JWK())
	}
	converted := key.PublicKey().JOSE()
	assert.True(t, converted.IsPublic())
	assert.Equal(t, key.KeyID(), converted.KeyID)
}

func algorithms() []keys.Algorithm {
	return []keys.Algorithm{keys.RS256, keys.RS384, keys.RS512, keys.PS256, keys.PS384, keys.PS512, keys.ES256, keys.ES384, keys.ES512, keys.EdDSA}
}

// verified returns the payload of a token after go-jose has verified it.
func verified(t testing.TB, token string, key *keys.PublicKey) []byte {
	t.Helper()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(key.Algorithm())})
	require.NoError(t, err)
	payload, err := jws.Verify(key.Public())
	require.NoError(t, err)
	return payload
}
