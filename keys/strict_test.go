package keys

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	jose "github.com/go-jose/go-jose/v4/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzJSONObject holds our splitting of an object against encoding/json and
// go-jose: what we take, both take, with the same members and values.
func FuzzJSONObject(f *testing.F) {
	for _, s := range []string{`{}`, ` {"a" : 1 , "b":"\"}]" ,"c":[1,{"d":[]}],"e":{"f":-1e3},"g":true} `, `{"a":"\\"}`, `{"a":"\ud83d\ude00"}`, `{"a":1,"a":2}`, `{"a":[{"b":1,"b":2}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, ok := jsonObject(data)
		if !ok || !utf8.Valid(data) { // unwrap lets nothing else through
			return
		}
		var want map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &want))
		require.Len(t, got, len(want))
		strict := true
		for name, raw := range want {
			require.Equal(t, string(bytes.TrimSpace(raw)), string(got[name]))
			if !strictValue(got[name], maxNesting) {
				strict = false
				continue
			}
			var value, again any
			if json.Unmarshal(raw, &value) != nil {
				continue // a number that no float64 holds, and nothing else
			}
			text, err := json.Marshal(value)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(text, &again), "nothing in it needed repair")
			require.Equal(t, value, again)
		}
		if strict && jose.Unmarshal(data, new(map[string]any)) != nil {
			require.Error(t, json.Unmarshal(data, new(map[string]any)), "such a number")
		}
	})
}

// TestWhereGoJOSEIsLaxer lists what go-jose's strict JSON lets pass, the
// reason that it does not read our keys.
func TestWhereGoJOSEIsLaxer(t *testing.T) {
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
