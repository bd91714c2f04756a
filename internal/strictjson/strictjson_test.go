package strictjson

import (
	"encoding/json"
	"strings"
	"testing"

	strict "github.com/go-jose/go-jose/v4/json" // refuses duplicate members
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func members(text string) (m map[string]string, ok bool) {
	m = make(map[string]string)
	ok = Object([]byte(text), func(name, value []byte) bool {
		m[string(name)] = string(value)
		return true
	})
	return m, ok
}

func TestObject(t *testing.T) {
	got, ok := members(" {\n\t\"a\" : 1 , \"b\\u0063\":\"x\\n\", \"d\":[ 1, {\"e\":null} ],\"f\":{},\"g\":[],\"h\":-0.5e+10,\"i\":true,\"\":false } \r\n")
	require.True(t, ok)
	assert.Equal(t, map[string]string{
		"a": "1", "bc": `"x\n"`, "d": `[ 1, {"e":null} ]`, "f": "{}", "g": "[]", "h": "-0.5e+10", "i": "true", "": "false",
	}, got)
	got, ok = members("{ }")
	assert.True(t, ok)
	assert.Empty(t, got)
}

func TestObjectStopsAtAnError(t *testing.T) {
	n := 0
	assert.False(t, Object([]byte(`{"a":1,"b":2,"c":`), func(name, _ []byte) bool { n++; return string(name) != "b" }))
	assert.Equal(t, 2, n)
}

func TestErrors(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                   "",
		"space":                     "  ",
		"null":                      "null",
		"array":                     "[]",
		"string":                    `"a"`,
		"not closed":                `{"a":1`,
		"name only":                 `{"a"`,
		"no value":                  `{"a":}`,
		"no colon":                  `{"a" 1}`,
		"no comma":                  `{"a":1 "b":2}`,
		"comma first":               `{,"a":1}`,
		"comma last":                `{"a":1,}`,
		"comma alone":               `{,}`,
		"comma in an array":         `{"a":[1,]}`,
		"name is a number":          `{1:2}`,
		"single quotes":             `{'a':1}`,
		"trailing text":             `{}x`,
		"two values":                `{}{}`,
		"closed twice":              `{"a":1}}`,
		"wrong end":                 `{"a":[1}`,
		"comment":                   `{/**/}`,
		"twice":                     `{"a":1,"a":1}`,
		"twice, escaped":            `{"a":1,"\u0061":1}`,
		"twice inside":              `{"a":[{"b":1,"b":2}]}`,
		"twice among many":          `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"m":1}`,
		"NUL escaped":               `{"a":"\u0000"}`,
		"NUL":                       "{\"a\":\"\x00\"}",
		"NUL in a name":             `{"\u0000":1}`,
		"NUL after":                 "{}\x00",
		"control character":         "{\"a\":\"\n\"}",
		"high surrogate":            `{"a":"\ud800"}`,
		"high surrogate and text":   `{"a":"\ud800abcdef"}`,
		"high surrogate twice":      `{"a":"\ud800\ud800"}`,
		"low surrogate":             `{"a":"\udc00"}`,
		"replacement character":     "{\"a\":\"\ufffd\"}",
		"replacement, escaped":      `{"a":"\ufffd"}`,
		"broken UTF-8":              "{\"a\":\"\xff\"}",
		"surrogate in UTF-8":        "{\"a\":\"\xed\xa0\x80\"}",
		"overlong UTF-8":            "{\"a\":\"\xc0\x80\"}",
		"unknown escape":            `{"a":"\x41"}`,
		"escape at the end":         `{"a":"\`,
		"escape cut short":          `{"a":"\u00"}`,
		"escape of no hex":          `{"a":"\u00zz"}`,
		"byte order mark":           "\ufeff{}",
		"leading zero":              `{"a":01}`,
		"leading zero, negative":    `{"a":-01}`,
		"plus":                      `{"a":+1}`,
		"minus alone":               `{"a":-}`,
		"point alone":               `{"a":.5}`,
		"point at the end":          `{"a":1.}`,
		"exponent alone":            `{"a":1e}`,
		"exponent with a sign only": `{"a":1e+}`,
		"hexadecimal":               `{"a":0x1}`,
		"NaN":                       `{"a":NaN}`,
		"Infinity":                  `{"a":Infinity}`,
		"True":                      `{"a":True}`,
		"nul":                       `{"a":nul}`,
		"nullx":                     `{"a":nullx}`,
		"too deep":                  `{"a":` + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + `}`,
		"much too deep":             `{"a":` + strings.Repeat(`{"a":`, 100000),
	} {
		_, ok := members(text)
		assert.False(t, ok, name)
	}
	_, ok := members(`{"a":` + strings.Repeat("[", MaxDepth-1) + strings.Repeat("]", MaxDepth-1) + `}`)
	assert.True(t, ok, "as deep as may be")
}

func TestObjectWithoutNull(t *testing.T) {
	take := func(_, _ []byte) bool { return true }
	for _, text := range []string{`{"a":null}`, `{"a":[null]}`, `{"a":{"b":null}}`} {
		assert.True(t, Object([]byte(text), take), text)
		assert.False(t, ObjectWithoutNull([]byte(text), take), text)
	}
	assert.True(t, ObjectWithoutNull([]byte(`{"null":"null","a":[true,false,0]}`), take))
}

func TestText(t *testing.T) {
	for value, want := range map[string]string{`""`: "", `"a"`: "a", `"\u00e5\n\"\\"`: "å\n\"\\", `"å😀"`: "å😀", `"\ud83d\ude00"`: "😀"} {
		text, ok := Text([]byte(value))
		assert.True(t, ok, value)
		assert.Equal(t, want, text)
	}
	for _, value := range []string{"1", "null", "true", "{}", `["a"]`, "", `"`} {
		_, ok := Text([]byte(value))
		assert.False(t, ok, value)
	}
}

// FuzzObject checks that other parsers read the same members in every accepted
// object.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1}`, `{"a":"\ud83d\ude00","b":[1,{"c":null}]}`, `{"a":1,"\u0061":2}`, `{"a":-0.5e+10,"b":true}`, `{"a":"\u0000"}`, "{\"a\":\"\xff\"}", `{"a":[[[]]]} `} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := members(text)
		if !ok {
			return
		}
		require.True(t, json.Valid([]byte(text)))
		var theirs map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(text), &theirs))
		require.Len(t, theirs, len(got))
		for name, value := range got {
			require.Equal(t, string(theirs[name]), value)
			if value[0] == '"' {
				ours, ok := Text([]byte(value))
				require.True(t, ok)
				var want string
				require.NoError(t, json.Unmarshal([]byte(value), &want))
				require.Equal(t, want, ours)
			}
		}
		var any map[string]any
		require.NoError(t, strict.Unmarshal([]byte(text), &any), "each member once")
	})
}
