package dpop

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestChallengeErrors(t *testing.T) {
	use := []string{"use_dpop_nonce"}
	for name, c := range map[string]struct {
		header []string
		want   []string
	}{
		"RFC 9449 §9's example":            {[]string{`DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof"`}, use},
		"RFC 9449 §7.1's example":          {[]string{`DPoP error="invalid_token", error_description="Invalid DPoP key binding", algs="ES256"`}, []string{"invalid_token"}},
		"error after other parameters":     {[]string{`DPoP realm="a, b", algs="ES256 RS256", error="use_dpop_nonce"`}, use},
		"value without quotes":             {[]string{`DPoP error=use_dpop_nonce`}, use},
		"scheme and name in other case":    {[]string{`dpop ERROR="use_dpop_nonce"`}, use},
		"space around the equals sign":     {[]string{`DPoP error = "use_dpop_nonce" , a=b`}, use},
		"quoted pairs":                     {[]string{`DPoP realm="\"x\\", error="use\_dpop_nonce"`}, use},
		"empty list elements":              {[]string{`, DPoP ,, error="use_dpop_nonce",`}, use},
		"second challenge of one header":   {[]string{`Bearer realm="x", error="invalid_token", DPoP error="use_dpop_nonce"`}, use},
		"second header":                    {[]string{`Bearer`, `DPoP error="use_dpop_nonce"`}, use},
		"after a bare scheme":              {[]string{`Negotiate, DPoP error="use_dpop_nonce"`}, use},
		"after a token68":                  {[]string{`Negotiate YWJj/+==, DPoP error="use_dpop_nonce"`}, use},
		"two DPoP challenges":              {[]string{`DPoP error="invalid_token", DPoP error="use_dpop_nonce"`}, []string{"invalid_token", "use_dpop_nonce"}},
		"another scheme's error":           {[]string{`Bearer error="use_dpop_nonce"`}, nil},
		"another scheme's after ours":      {[]string{`DPoP algs="ES256", Bearer error="use_dpop_nonce"`}, nil},
		"text of a realm":                  {[]string{`DPoP realm="error=use_dpop_nonce"`}, nil},
		"challenge inside a realm":         {[]string{`Bearer realm="x, DPoP error=\"use_dpop_nonce\""`}, nil},
		"another parameter's name":         {[]string{`DPoP xerror="use_dpop_nonce", error_x="use_dpop_nonce"`}, nil},
		"scheme that only begins so":       {[]string{`DPoPx error="use_dpop_nonce"`}, nil},
		"no scheme":                        {[]string{`error="use_dpop_nonce"`, ` =`, ``}, nil},
		"scheme without a comma before it": {[]string{`Basic DPoP error="use_dpop_nonce"`}, nil},
		"quote that is not closed":         {[]string{`DPoP error="use_dpop_nonce`}, nil},
		"quote closed by text":             {[]string{`Bearer realm="a"b", DPoP error="use_dpop_nonce"`}, nil},
		"value cut short":                  {[]string{`DPoP error="use_dpop_nonce"d`}, nil},
		"no value":                         {[]string{`DPoP error=, realm=x`, `DPoP error=`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, challengeErrors(http.Header{"Www-Authenticate": c.header}, "DPoP"))
		})
	}
}

func TestNonceSyntax(t *testing.T) {
	for name, c := range map[string]struct {
		header []string
		want   string
	}{
		"RFC 9449 §8's example": {[]string{"eyJ7S_zG.eyJH0-Z.HX4w-7v"}, "eyJ7S_zG.eyJH0-Z.HX4w-7v"},
		"all of NQCHAR's edges": {[]string{"!#[]~"}, "!#[]~"},
		"longest":               {[]string{strings.Repeat("n", maxNonce)}, strings.Repeat("n", maxNonce)},
		"too long":              {[]string{strings.Repeat("n", maxNonce+1)}, ""},
		"a megabyte":            {[]string{strings.Repeat("n", 1<<20)}, ""},
		"none":                  {nil, ""},
		"empty":                 {[]string{""}, ""},
		"two":                   {[]string{"a", "b"}, ""},
		"space":                 {[]string{"a b"}, ""},
		"quote":                 {[]string{`a"b`}, ""},
		"backslash":             {[]string{`a\b`}, ""},
		"control character":     {[]string{"a\x01"}, ""},
		"DEL":                   {[]string{"a\x7f"}, ""},
		"not ASCII":             {[]string{"nøkkel"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, nonceOf(http.Header{"Dpop-Nonce": c.header}))
		})
	}
}

// FuzzChallenge checks that text quoted as in RFC 9110 §5.6.4 is not taken for a
// challenge and does not hide the one that follows.
func FuzzChallenge(f *testing.F) {
	for _, s := range []string{`x`, `DPoP error="use_dpop_nonce"`, `", DPoP error="use_dpop_nonce`, `\`, `,=" `} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, raw, text string) {
		for _, code := range challengeErrors(http.Header{"Www-Authenticate": {raw}}, "DPoP") {
			require.Contains(t, unescape(raw), code)
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
		header := http.Header{"Www-Authenticate": {
			`Bearer realm=` + quoted + `, error=` + quoted,
			`Basic realm=` + quoted + `, DPoP realm=` + quoted + `, error=` + quoted + `, DPoP error=last`,
		}}
		require.Equal(t, []string{text, "last"}, challengeErrors(header, "DPoP"))
	})
}

// unescape removes the backslashes of quoted pairs.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
