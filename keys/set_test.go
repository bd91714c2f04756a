package keys_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Unusable keys are skipped (RFC 7517 §5).
func TestSetSkipsUnusableKeys(t *testing.T) {
	good := testKey(t, keys.ES256).PublicKey()
	for name, other := range map[string]string{
		"unknown kty":         `{"kty":"AKP","alg":"ML-DSA-44","pub":"AQ"}`,
		"kty of wrong type":   `{"kty":7}`,
		"no kty":              `{}`,
		"use enc":             strings.Replace(string(testKey(t, keys.ES256).PublicKey().JWK()), `"sig"`, `"enc"`, 1),
		"not an object":       `"x"`,
		"null":                `null`,
		"a set":               `{"keys":[` + string(good.JWK()) + `]}`,
		"a member twice":      `{"kty":"EC","kty":"EC"}`,
		"same kid, unusable":  `{"kty":"EC","kid":"` + good.KeyID() + `","crv":"P-256"}`,
		"weak RSA":            `{"kty":"RSA","n":"wQ","e":"AQAB"}`,
		"secp256k1":           `{"kty":"EC","crv":"secp256k1","x":"AQ","y":"AQ"}`,
		"nested 100 deep":     `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
		"control char in kid": `{"kty":"OKP","crv":"Ed25519","kid":"\u0007","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
	} {
		set, err := keys.ParseSet([]byte(`{"keys":[` + other + `,` + string(good.JWK()) + `]}`))
		require.NoError(t, err, name)
		require.Len(t, set.Keys, 1, name)
		assert.True(t, set.Keys[0].Equal(good), name)
	}
}

func TestSetErrors(t *testing.T) {
	key := testKey(t, keys.ES256)
	public := string(key.PublicKey().JWK())
	private, err := key.PrivateJWK()
	require.NoError(t, err)
	other, err := testKey(t, keys.ES256).With(keys.Options{KeyID: key.KeyID()})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		text string
		rule error
	}{
		"one kid twice":        {`{"keys":[` + public + `,` + string(other.PublicKey().JWK()) + `]}`, keys.ErrAmbiguous},
		"a private key":        {`{"keys":[` + public + `,` + string(private) + `]}`, keys.ErrPrivateKey},
		"an oct key":           {`{"keys":[` + public + `,{"kty":"oct","k":"AQ"}]}`, keys.ErrPrivateKey},
		"1001 keys":            {`{"keys":[` + strings.Repeat(`{},`, 1000) + `{}]}`, keys.ErrTooLarge},
		"over 64 KiB":          {`{"keys":[` + strings.Repeat(" ", 64<<10) + `]}`, keys.ErrTooLarge},
		"HTML":                 {`<html>`, keys.ErrMalformed},
		"PEM":                  {string(key.PublicKey().PEM()), keys.ErrMalformed},
		"DER":                  {string(lastBlock(key.PublicKey().PEM())), keys.ErrMalformed},
		"a JWK":                {public, keys.ErrMalformed},
		"an array":             {`[` + public + `]`, keys.ErrMalformed},
		"keys of a wrong type": {`{"keys":"x"}`, keys.ErrMalformed},
		"no keys":              {`{}`, keys.ErrMalformed},
		"empty":                {``, keys.ErrMalformed},
	} {
		_, err := keys.ParseSet([]byte(c.text))
		refused(t, err, c.rule, name, nil)
	}
	_, err = keys.ParseSet([]byte(`{"keys":[` + strings.Repeat(`{},`, 999) + `{}]}`))
	assert.NoError(t, err, "1000 keys")
	_, err = keys.ParsePublic([]byte(`{"keys":[]}`), keys.Options{})
	assert.ErrorIs(t, err, keys.ErrUnsupported)
	_, err = keys.ParsePublic([]byte(`{"keys":[`+public+`,`+string(testKey(t, keys.ES256).PublicKey().JWK())+`]}`), keys.Options{})
	assert.ErrorIs(t, err, keys.ErrAmbiguous)
}

func TestSetRoundTrip(t *testing.T) {
	var set keys.Set
	for _, alg := range algorithms() {
		key, err := testKey(t, alg).With(keys.Options{KeyID: string(alg)})
		require.NoError(t, err)
		set.Keys = append(set.Keys, key.PublicKey())
	}
	withKid, err := testKey(t, keys.ES256).With(keys.Options{KeyID: "æ\"<&>\\ ключ"})
	require.NoError(t, err)
	set.Keys = append(set.Keys, withKid.PublicKey())
	text, err := set.MarshalJSON()
	require.NoError(t, err)
	again, err := keys.ParseSet(text)
	require.NoError(t, err)
	assert.Equal(t, set, again)
	assert.True(t, again.Key(withKid.KeyID()).Equal(withKid.PublicKey()))
	assert.Nil(t, again.Key("unknown"))

	var witness jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(text, &witness))
	require.Len(t, witness.Keys, len(set.Keys))
	for i, k := range set.Keys {
		assert.Equal(t, k.Public(), witness.Keys[i].Key)
		assert.Equal(t, k.KeyID(), witness.Keys[i].KeyID)
		assert.Equal(t, string(k.Algorithm()), witness.Keys[i].Algorithm)
	}
}
