package keys_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/require"
)

// seed gives a fuzz target the RFC's keys, openssl's files and some wrapping.
func seed(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.JWK))
		f.Add([]byte(`{"keys":[` + string(v.JWK) + `]}`))
		key := mustParse(f, v.JWK)
		f.Add(mustPEM(f, key))
		f.Add(lastBlock(mustPEM(f, key)))
		f.Add(key.PublicKey().JWK())
		quoted, _ := json.Marshal(string(v.JWK))
		f.Add(quoted)
		f.Add(quoted[1 : len(quoted)-1])
		base64, _ := json.Marshal([]byte(v.JWK))
		f.Add(base64)
	}
	for _, name := range []string{"p256-sec1-parameters", "rsa-pkcs1", "rsa-certificate", "p256-bag-attributes", "secp256k1-pkcs8", "ed448-pkcs8"} {
		f.Add(openssl(f, name))
		f.Add(lastBlock(openssl(f, name)))
	}
	f.Add([]byte("\xff\xfe{\x00}\x00"))
	f.Add([]byte(`{\u0022kty\u0022:\u0022OKP\u0022}`))
}

// typed expects an *Error whose text shares no 12 bytes with the input.
func typed(t *testing.T, err error, input []byte) {
	var e *keys.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T is not an *Error", err)
	}
	for i, text := 0, []byte(e.Error()); i+12 <= len(text); i++ {
		if bytes.Contains(input, text[i:i+12]) {
			t.Fatalf("the error may quote its input: %q", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := keys.Parse(data, keys.Options{})
		if err != nil {
			typed(t, err, data)
			return
		}
		private, err := key.PrivateJWK()
		require.NoError(t, err)
		again, err := keys.Parse(private, keys.Options{})
		require.NoError(t, err)
		require.Equal(t, key.Thumbprint(), again.Thumbprint())
		require.Equal(t, key.KeyID(), again.KeyID())
		require.Equal(t, key.Algorithm(), again.Algorithm())
		agreesWithGoJOSE(t, key)
		require.Equal(t, key.Thumbprint(), mustParse(t, mustPEM(t, key)).Thumbprint())
	})
}

func FuzzParsePublic(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := keys.ParsePublic(data, keys.Options{})
		if err != nil {
			typed(t, err, data)
			return
		}
		publicAgrees(t, key)
		if _, err := keys.Parse(data, keys.Options{}); err == nil {
			t.Fatal("read as a private and as a public key")
		}
	})
}

func FuzzParseSet(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := keys.ParseSet(data)
		if err != nil {
			typed(t, err, data)
			return
		}
		for _, key := range set.Keys {
			publicAgrees(t, key)
		}
		text, err := json.Marshal(set)
		require.NoError(t, err)
		again, err := keys.ParseSet(text)
		require.NoError(t, err)
		require.Len(t, again.Keys, len(set.Keys))
	})
}

// publicAgrees: what is written reads back, here and in go-jose.
func publicAgrees(t *testing.T, key *keys.PublicKey) {
	again, err := keys.ParsePublic(key.JWK(), keys.Options{})
	require.NoError(t, err)
	require.Equal(t, key.JWK(), again.JWK())
	var witness jose.JSONWebKey
	require.NoError(t, witness.UnmarshalJSON(key.JWK()))
	require.Equal(t, key.Public(), witness.Key)
}
