package keys_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func webCrypto(t *testing.T, name string) []byte {
	data, err := os.ReadFile("testdata/webcrypto/" + name)
	require.NoError(t, err)
	return data
}

// Every reader of JWKs reads keys exported by Node's WebCrypto, where "alg" is a
// name of RFC 9864.
func TestWebCryptoKeys(t *testing.T) {
	private, public := webCrypto(t, "ed25519-private.json"), webCrypto(t, "ed25519-public.json")
	require.Contains(t, string(private), `"alg":"Ed25519"`)
	require.Contains(t, string(public), `"alg":"Ed25519"`)
	key, err := keys.Parse(private, keys.Options{})
	require.NoError(t, err)
	pub, err := keys.ParsePublic(public, keys.Options{})
	require.NoError(t, err)
	assert.True(t, key.PublicKey().Equal(pub))
	assert.Equal(t, keys.EdDSA, key.Algorithm())
	assert.Equal(t, keys.EdDSA, pub.Algorithm())

	set, err := keys.ParseSet([]byte(`{"keys":[` + string(public) + `]}`))
	require.NoError(t, err)
	require.Len(t, set.Keys, 1)
	assert.True(t, set.Keys[0].Equal(pub))
	key, err = keys.Parse([]byte(`{"keys":[`+string(private)+`]}`), keys.Options{})
	require.NoError(t, err)
	assert.True(t, key.PublicKey().Equal(pub))
	var theirs jose.JSONWebKey
	require.NoError(t, json.Unmarshal(private, &theirs))
	require.Equal(t, "Ed25519", theirs.Algorithm)
	key, err = keys.FromJOSE(theirs)
	require.NoError(t, err)
	assert.Equal(t, keys.EdDSA, key.Algorithm())

	var jws string
	require.NoError(t, json.Unmarshal(webCrypto(t, "ed25519-jws.json"), &jws))
	message, signature := split(t, jws)
	assert.True(t, ed25519.Verify(pub.Public().(ed25519.PublicKey), message, signature), "Node signs with another key")
}

// split returns the signing input and the signature of a compact JWS.
func split(t *testing.T, jws string) (message, signature []byte) {
	end := strings.LastIndexByte(jws, '.')
	signature, err := base64.RawURLEncoding.DecodeString(jws[end+1:])
	require.NoError(t, err)
	return []byte(jws[:end]), signature
}

// A key uses the name Ed25519 only on request, also when it is read back from its
// JWK. Key ID, thumbprint and signature do not depend on it.
func TestEd25519AlgorithmName(t *testing.T) {
	private := webCrypto(t, "ed25519-private.json")
	plain, err := keys.Parse(private, keys.Options{})
	require.NoError(t, err)
	asked, err := keys.Parse(private, keys.Options{Algorithm: keys.Ed25519})
	require.NoError(t, err)
	same, err := plain.With(keys.Options{Algorithm: keys.Ed25519})
	require.NoError(t, err)
	made, err := keys.Generate(keys.Ed25519)
	require.NoError(t, err)
	direct, err := keys.New(plain.Signer(), keys.Options{Algorithm: keys.Ed25519})
	require.NoError(t, err)
	for _, k := range []*keys.Key{asked, same, made, direct} {
		assert.Equal(t, keys.Ed25519, k.Algorithm())
		assert.Contains(t, string(k.PublicKey().JWK()), `"alg":"Ed25519"`)
		for _, h := range []keys.Header{{}, {Type: "dpop+jwt", EmbedJWK: true}} {
			jws, err := k.Sign(t.Context(), h, []byte("payload"))
			require.NoError(t, err)
			header, err := base64.RawURLEncoding.DecodeString(jws[:strings.IndexByte(jws, '.')])
			require.NoError(t, err)
			assert.Contains(t, string(header), `"alg":"Ed25519"`)
			message, signature := split(t, jws)
			assert.True(t, ed25519.Verify(k.PublicKey().Public().(ed25519.PublicKey), message, signature))
		}
	}
	assert.Equal(t, plain.KeyID(), asked.KeyID())
	assert.Equal(t, plain.Thumbprint(), asked.Thumbprint())
	assert.True(t, plain.PublicKey().Equal(asked.PublicKey()))

	written, err := made.PrivateJWK()
	require.NoError(t, err)
	again, err := keys.Parse(written, keys.Options{})
	require.NoError(t, err)
	assert.Equal(t, keys.EdDSA, again.Algorithm(), "no name was requested")

	ec := testKey(t, keys.ES256)
	_, err = ec.With(keys.Options{Algorithm: keys.Ed25519})
	require.ErrorIs(t, err, keys.ErrInconsistent)
	for _, alg := range []string{"ed25519", "Ed448", "ESP256"} { // other names of RFC 9864
		_, err = keys.ParsePublic(bytes.Replace(webCrypto(t, "ed25519-public.json"), []byte(`"Ed25519"}`), []byte(`"`+alg+`"}`), 1), keys.Options{})
		require.ErrorIs(t, err, keys.ErrUnsupported, alg)
	}
}

// Node imports our keys and verifies our signatures.
func TestWebCryptoReadsOurKeys(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("NOKKEL_LIVE") == "1" {
			t.Fatal("node is not installed")
		}
		t.Skip("node is not installed")
	}
	const script = `
if (parseInt(process.versions.node) < 20) process.exit(0);
const [jwk, jws] = JSON.parse(process.argv[1]), end = jws.lastIndexOf(".");
const key = await crypto.subtle.importKey("jwk", jwk, "Ed25519", true, ["verify"]);
const ok = await crypto.subtle.verify("Ed25519", key, Buffer.from(jws.slice(end + 1), "base64url"), Buffer.from(jws.slice(0, end)));
process.stdout.write(String(ok));`
	for _, alg := range []keys.Algorithm{keys.EdDSA, keys.Ed25519} {
		key, err := keys.Generate(alg)
		require.NoError(t, err)
		jws, err := key.Sign(t.Context(), keys.Header{}, []byte("payload"))
		require.NoError(t, err)
		argument, err := json.Marshal([]any{key.PublicKey(), jws})
		require.NoError(t, err)
		out, err := exec.CommandContext(t.Context(), node, "--input-type=module", "-e", script, "--", string(argument)).Output()
		require.NoError(t, err)
		if len(out) == 0 {
			t.Skip("node is older than version 20")
		}
		assert.Equal(t, "true", string(out), alg)
	}
}
