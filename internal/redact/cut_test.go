package redact

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// showsStart reports whether a line holds the first eight characters of the secret,
// or as much of their base64.
func showsStart(line, secret string, write func(string) string) bool {
	runes := []rune(secret)
	if len(runes) <= shortest {
		return false
	}
	n := len(strings.TrimRight(write(string(runes[:shortest])), "="))
	written := write(secret)
	return len(written) > n && strings.Contains(line, Printable(written[:n]))
}

// TestCutSpellings cuts each spelling of a secret at every place. FuzzSecret does so
// with one around another.
func TestCutSpellings(t *testing.T) {
	cases := 0
	for _, secret := range []string{"ABCDEFGHIJKLMNOPQRST/xyz", `0123456789+%/Ø= \&'<x>"𝔰𝔢`, "ØÆÅØÆÅ-𝔰𝔢𝔠-𝔵𝔶-&&"} {
		var v Values
		v.Add(secret)
		for name, write := range ways {
			written := write(secret)
			for end := range len(written) {
				cases++
				line := v.Line("got "+written[:end], 4000)
				assert.False(t, showsStart(line, secret, write), "%s: %q gives %q", name, written[:end], line)
			}
		}
	}
	t.Log(cases, "cuts")
}

// Seven characters may be shown, and eight may not, with whatever is left of the
// next one.
func TestCutAfterEight(t *testing.T) {
	var v Values
	v.Add("correct-horse", `&%\uxyz-another`, "ØÆÅØÆÅØÆÅØÆÅ")
	for _, hidden := range []string{
		"correct-%", "correct-%6", "correct-%25", "correct-%256", `correct-\`, `correct-\u`, `correct-\u006`, `correct-\x6`, `correct-\\u00`,
		"correct-&", "correct-&#x6", "correct-&amp", "correct-&amp;#1", `correct-%\u00`, "correct-\xf0\x9d", "correct-\ufffd",
		"ØÆÅØÆÅØÆ\xc3", "%C3%98ÆÅØÆÅØÆ%C3", `ØÆÅØÆÅØÆ\ud835`, `&%\uxyz-`, `%26%25%5Cuxyz-%`, `&%\\uxyz-\u`,
		base64.RawStdEncoding.EncodeToString([]byte("correct-")), base64.RawStdEncoding.EncodeToString([]byte("id:correct-%6")),
		"636f72726563742d", "636f72726563742d6",
	} {
		assert.Equal(t, "got "+Mark, v.Line("got "+hidden, 300), hidden)
	}
	for _, shown := range []string{
		"correct%", `correct\u00`, "correct-&#x2 is wrong", "correct-% of all", `correct-" \`, "636f7272656374",
		base64.RawStdEncoding.EncodeToString([]byte("correct-")[:7]),
	} {
		assert.Equal(t, shown, v.Line(shown, 300))
	}
}
