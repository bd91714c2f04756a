package keys

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	jose "github.com/go-jose/go-jose/v4/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSlots(t *testing.T) {
	for i, name := range names() {
		assert.Equal(t, i, slot(name), name)
	}
	assert.Equal(t, -1, slot("Kty"))
}

// FuzzSetObject compares our splitting of a JWKS with encoding/json and go-jose.
// Both must accept what we accept, with the same members and values.
func FuzzSetObject(f *testing.F) {
	for _, s := range []string{`{}`, ` {"a" : 1 , "b":"\"}]" ,"c":[1,{"d":[]}],"e":{"f":-1e3},"g":true} `, `{"a":"\\"}`, `{"\ud83d\ude00":1}`, `{"a":1,"a":2}`, `{"a":[{"b":1,"b":2}]}`, `{"a":1`, `{}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, ok := setObject(data)
		if !ok || !utf8.Valid(data) { // refused by unwrap
			return
		}
		var want map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &want))
		require.Equal(t, want, got)
		var theirs map[string]jose.RawMessage
		require.NoError(t, jose.Unmarshal(data, &theirs), "each member once")
	})
}

// The inputs that go-jose's strict JSON accepts are the reason why it does not
// read our keys.
func TestGoJOSEIsLaxer(t *testing.T) {
	for name, text := range map[string]string{
		"null for a string":                 `{"a":null}`,
		"half a surrogate pair":             `{"a":"\ud800"}`,
		"broken UTF-8":                      "{\"a\":\"\xff\"}",
		"member twice, in a value it skips": `{"z":{"b":1,"b":2}}`,
	} {
		var into struct {
			A string `json:"a"`
		}
		assert.NoError(t, jose.Unmarshal([]byte(text), &into), name)
		_, _, err := unwrap([]byte(text))
		assert.True(t, err != nil || readMembers([]byte(text)).err != nil, name)
	}
}
