package redact

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ways lists the encodings in which servers quote a request.
var ways = map[string]func(string) string{
	"as it is":               func(s string) string { return s },
	"JSON of Go":             quoteJSON,
	"JSON of .NET":           func(s string) string { return escape(s, `\u%04X`, `"&'+<>\`+"`", true) },
	"JSON of PHP":            func(s string) string { return strings.ReplaceAll(escape(s, `\u%04x`, "", true), "/", `\/`) },
	"JSON of Gson":           func(s string) string { return escape(s, `\u%04x`, `<>&='\"`, false) },
	"JSON of Python":         func(s string) string { return escape(s, `\u%04x`, `"\`, true) },
	"JSON, every character":  func(s string) string { return escape(s, `\u%04x`, s, true) },
	"JSON, every second one": func(s string) string { return second(s, func(c string) string { return escape(c, `\u%04X`, c, true) }) },
	"form":                   url.QueryEscape,
	"form, lower case":       func(s string) string { return lowerHex(url.QueryEscape(s)) },
	"URL path":               url.PathEscape,
	"percent, every octet":   func(s string) string { return octetwise(s, "%%%02X") },
	"percent, mixed":         func(s string) string { return second(s, func(c string) string { return octetwise(c, "%%%02x") }) },
	"hexadecimal escapes":    func(s string) string { return octetwise(s, `\x%02x`) },
	"HTML":                   html.EscapeString,
	"HTML, decimal":          func(s string) string { return escape(s, "&#%d;", s, false) },
	"HTML, hexadecimal":      func(s string) string { return escape(s, "&#x%X;", s, false) },
	"base64":                 func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64, no padding":     func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"base64url":              func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"Basic": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte("client:" + url.QueryEscape(s)))
	},
	"Basic, not form-encoded":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte("c:" + s)) },
	"base64 of something longer": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(`{"x":"` + s + `"}`)) },
	"base64, folded":             func(s string) string { return fold(base64.StdEncoding.EncodeToString([]byte("id:" + s))) },
	"hexadecimal":                func(s string) string { return hex.EncodeToString([]byte(s)) },
	"upper hexadecimal":          func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
}

func quoteJSON(s string) string {
	quoted, _ := json.Marshal(s) // a string always marshals
	return string(quoted[1 : len(quoted)-1])
}

// escape writes the characters in which, controls and, if asked for, what is
// not ASCII as UTF-16 units in that format.
func escape(s, format, which string, ascii bool) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case !strings.ContainsRune(which, r) && r >= ' ' && (r < utf8.RuneSelf || !ascii):
			b.WriteRune(r)
		case strings.HasPrefix(format, "&"):
			fmt.Fprintf(&b, format, r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, format, unit)
			}
		}
	}
	return b.String()
}

func octetwise(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

// second encodes every second character. The others are unchanged by every encoding
// or encoded too.
func second(s string, way func(string) string) string {
	var b strings.Builder
	for i, r := range []rune(s) {
		if plain := r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'; plain && i%2 == 1 {
			b.WriteRune(r)
		} else {
			b.WriteString(way(string(r)))
		}
	}
	return b.String()
}

func lowerHex(s string) string {
	for i := 0; i+2 < len(s); i++ {
		if s[i] == '%' {
			s = s[:i] + strings.ToLower(s[i:i+3]) + s[i+3:]
		}
	}
	return s
}

func fold(s string) string {
	var lines []string
	for len(s) > 16 {
		lines, s = append(lines, s[:16]), s[16:]
	}
	return strings.Join(append(lines, s), "\r\n")
}

var places = []string{`{"error_description":"Secret '%s' is wrong."}`, "secret=%s&error=x", "%s", "wrong: %s!", "<p>%s</p>"}

// shows reports whether a line holds eight consecutive characters of the secret.
func shows(line, written string) bool {
	runes := []rune(written)
	width := min(len(runes), shortest)
	for part := range strings.SplitSeq(line, Mark) {
		for i := range len(runes) - width + 1 {
			if strings.Contains(part, string(runes[i:i+width])) {
				return true
			}
		}
	}
	return false
}

var secrets = []string{
	"correct-horse", `se"cret+%/Ø= \&'<x>`, "sixteen chars ok", `back\slash\\es`, "Zm9vYmFyYmF6cXV4", "%41%2B%25", "𝔰𝔢𝔠𝔯𝔢𝔱-𝔵𝔶", "a+b c+d e+f",
	"8d5c54e2-1f9a-4f2e-a5b9-5a0c8f6d2f11", strings.Repeat("0123456789abcdef", 6),
}

func TestNoSpellingSurvives(t *testing.T) {
	cases := 0
	for _, secret := range secrets {
		var v Values
		v.Add(secret)
		for name, way := range ways {
			for outer, again := range ways {
				if outer != "as it is" && !strings.ContainsAny(secret, "+𝔰") {
					continue // too slow in combination
				}
				for i, place := range places {
					if i > 1 && outer != "as it is" {
						continue
					}
					cases++
					written := again(way(secret))
					line := v.Line(fmt.Sprintf(place, written), 4000)
					assert.False(t, shows(line, written) || strings.Contains(line, secret), "%s, then %s: %q in %q gives %q", name, outer, secret, place, line)
				}
			}
		}
	}
	t.Log(cases, "spellings")
}

func TestOtherTextIsKept(t *testing.T) {
	var v Values
	v.Add("correct-horse", "")
	for text, want := range map[string]string{
		"the secret correct-horse of client-1 is wrong": "the secret [redacted] of client-1 is wrong",
		"correct-hors":                          "[redacted]", // possibly truncated
		"correct-":                              "[redacted]",
		"correct":                               "correct",
		"correct-h or not":                      "correct-h or not",
		"100 % \\ & < \" sure":                  "100 % \\ & < \" sure",
		"https://docs.example.no/errors#client": "https://docs.example.no/errors#client",
		"Trace ID: 0d9a7f5b-12ab-4cde-8f01-23456789abcd":           "Trace ID: 0d9a7f5b-12ab-4cde-8f01-23456789abcd",
		"line\nbreak\u202e\x1b[31m\xe5":                            "line break  [31m",
		"no matching key for 0123456789abcdefghijklmnopqrstuvwxyz": "no matching key for [redacted]",
		"eyJhbGciOiJFUzI1NiJ9.e30.c2ln is expired":                 "[redacted] is expired",
	} {
		assert.Equal(t, want, v.Line(text, 300), text)
	}
	assert.Equal(t, "ab…", Line("abcdefgh", 5))
}

// A Mark in place of three characters would reveal them.
func TestShortSecretHidesTheWholeText(t *testing.T) {
	var v Values
	v.Add("cat")
	for _, text := range []string{"cat", "client authentication failed", `\u0063at`, "c%61t", "Y2F0", "the &#99;at"} {
		assert.Equal(t, Mark, v.Line(text, 300), text)
	}
	assert.Equal(t, "wrong secret", v.Line("wrong secret", 300))
}

// A text with too many possible decodings is dropped.
func TestTooManyReadings(t *testing.T) {
	var v Values
	v.Add("correct-horse")
	text := "%" + strings.Repeat("25", 500) + "41"
	assert.Equal(t, Mark, v.Line("x "+text, 300))
}

// TestLongHeader checks that a field over what is searched goes as a whole.
func TestLongHeader(t *testing.T) {
	h := http.Header{"X-Echo": {strings.Repeat("x", maxInput+1), "short"}}
	var v Values
	v.Add("correct-horse")
	v.Header(h)
	assert.Equal(t, []string{Mark, "short"}, h["X-Echo"])
}

func TestSecretsOfARequest(t *testing.T) {
	r, err := http.NewRequest(http.MethodPost, "https://as.example.no/token", nil)
	require.NoError(t, err)
	r.SetBasicAuth("client", url.QueryEscape("the basic/secret"))
	r.Header.Set("Proxy-Authorization", "Bearer the-proxy-token")
	r.Header.Set("DPoP", "the-dpop-proof")
	r.AddCookie(&http.Cookie{Name: "session", Value: "the-cookie-value"})
	r.Header.Set("X-Api-Key", "the-api-key")
	r.Header["x-own-scheme"] = []string{"Bearer the-token-of-its-own"}
	form := url.Values{}
	all := []string{"the basic/secret", "the-proxy-token", "the-dpop-proof", "the-cookie-value", "the-api-key", "the-token-of-its-own"}
	for _, name := range []string{
		"client_secret", "client_assertion", "assertion", "refresh_token", "code", "subject_token", "actor_token", "device_code",
		"password", "code_verifier", "token", "id_token_hint", "auth_req_id", "one_that_nobody_knows",
	} {
		form.Set(name, "the-value-of-"+name)
		all = append(all, form.Get(name))
	}
	form.Set("otp", "123456")
	var v Values
	v.AddRequest(r)
	v.AddForm(form)
	for _, secret := range all {
		assert.Equal(t, "x [redacted] y", v.Line("x "+secret+" y", 300), secret)
	}
	assert.Equal(t, Mark, v.Line("code 123456 is wrong", 300))

	r.Header = http.Header{"Authorization": {"a-key-without-a-scheme"}, "X-Api-Version": {"2"}, "Accept": {"application/json"}, "User-Agent": {"the-program"}}
	v = Values{}
	v.AddRequest(r)
	assert.Equal(t, "[redacted] of the-program may not ask for application/json 2", v.Line("a-key-without-a-scheme of the-program may not ask for application/json 2", 300))
	r.Header = http.Header{"X-Api-Key": {"123456"}}
	v.AddRequest(r)
	assert.Equal(t, Mark, v.Line("key 123456 is wrong", 300))

	v = Values{}
	v.AddForm(url.Values{"grant_type": {"authorization_code"}, "client_id": {"client-one"}, "scope": {"patients/read"}, "switch": {"on"}})
	assert.Equal(t, "client-one may not ask for patients/read on authorization_code", v.Line("client-one may not ask for patients/read on authorization_code", 300))
}

// A short value hides an error as it hides any other text, whether it is there by
// chance or not. What kind of error it is remains.
func TestErrorWithAShortValue(t *testing.T) {
	var v Values
	v.Add("hunter2", "correct-horse")
	for text, want := range map[string]string{
		`malformed HTTP response "hunter2 is wrong"`:  "the network's error is not shown, for a secret that was sent may be in it",
		`malformed HTTP response "hunter%32"`:         "the network's error is not shown, for a secret that was sent may be in it",
		"%" + strings.Repeat("25", 500) + "41":        "the network's error is not shown, for a secret that was sent may be in it",
		`malformed HTTP response "got correct-h"`:     "the answer is not HTTP and repeats what was sent",
		`malformed HTTP response "got \"correct-h\""`: "the answer is not HTTP and repeats what was sent",
		`malformed HTTP response "hunter"`:            `malformed HTTP response "hunter"`,
	} {
		assert.EqualError(t, v.Error(errors.New(text)), want)
	}
	v.Add("cancel", "time")
	err := v.Error(fmt.Errorf("dial: %w", context.Canceled))
	assert.ErrorIs(t, err, context.Canceled)
	assert.NotErrorIs(t, err, io.EOF)
	assert.Nil(t, errors.Unwrap(err))
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "cancel")
	slept := &url.Error{Op: "Post", Err: v.Error(&net.DNSError{Err: "time", IsTimeout: true})}
	assert.True(t, slept.Timeout())
}

// TestErrorsOfABody checks that an error of reading quotes nothing that was sent,
// however long it is, and that others and the end come through.
func TestErrorsOfABody(t *testing.T) {
	const secret = "correct-horse"
	lost := errors.New("connection lost")
	for text, want := range map[string]string{
		"malformed MIME header line: " + secret:      "the answer is not HTTP and repeats what was sent",
		strings.Repeat("x", maxInput) + " " + secret: "the answer is not HTTP, and long",
		lost.Error(): lost.Error(),
		"":           "",
	} {
		read := io.EOF
		if text != "" {
			read = errors.New(text)
		}
		if text == lost.Error() {
			read = lost
		}
		body := Body(io.NopCloser(io.MultiReader(strings.NewReader("body"), iotest.ErrReader(read))), func() (v Values) {
			v.Add(secret)
			return v
		})
		all, err := io.ReadAll(body)
		assert.Equal(t, "body", string(all))
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, want)
		assert.Equal(t, read == lost, errors.Is(err, lost))
	}
	assert.Equal(t, http.NoBody, Body(http.NoBody, nil))
	assert.Nil(t, Body(nil, nil))
}

// FuzzSecret checks that no secret survives in any encoding, in whole or cut.
func FuzzSecret(f *testing.F) {
	for i, secret := range append(secrets, "", "a", "cat", "\ufffd") {
		f.Add(secret, uint8(i), uint8(3*i), uint8(i), uint16(7*i))
	}
	names := slices.Sorted(maps.Keys(ways))
	f.Fuzz(func(t *testing.T, secret string, way, outer, place uint8, end uint16) {
		if secret == "" || !utf8.ValidString(secret) || len(secret) > 200 || strings.ContainsFunc(secret, unicode.IsControl) {
			return // secrets are text (RFC 6749 appendix A.2), and HTML cannot write controls
		}
		first, then := names[int(way)%len(names)], names[int(outer)%len(names)]
		if utf8.RuneCountInString(secret) < shortest && strings.Contains(first+then, "hexadecimal") {
			return // two digits are not taken for a character
		}
		write := func(s string) string { return ways[then](ways[first](s)) }
		written := write(secret)
		var v Values
		v.Add(secret)
		line := v.Line(fmt.Sprintf(places[int(place)%len(places)], written), 4000)
		assert.False(t, shows(line, written), "%q in %q", written, line)
		cut := written[:int(end)%(len(written)+1)]
		line = v.Line("got "+cut, 4000)
		assert.False(t, showsStart(line, secret, write), "%q, cut to %q, in %q", written, cut, line)
	})
}

// FuzzLine checks that the result is one printable line without a token-like word,
// and that redacting it again changes nothing.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{"", " a  b ", "line\nbreak", strings.Repeat("A", 32), strings.Repeat("æ", 400), "\u202e\xff", "eyJhbGciOiJFUzI1NiJ9." + strings.Repeat("x", 90)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		line := Line(text, 300)
		assert.LessOrEqual(t, len(line), 300)
		assert.True(t, utf8.ValidString(line))
		assert.Equal(t, -1, strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }))
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return !base64Rune(r) }) {
			assert.True(t, len(word) <= maxRun || harmless(word), word)
		}
	})
}
