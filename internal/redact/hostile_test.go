package redact

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// hostile lists texts of 4 KiB that are a lot of work to search.
func hostile() map[string]string {
	deep := "&" + strings.Repeat("amp;", 28) + "lt; " // reads in 30 ways
	wide := `&amp;amp;lt; %252541 \\\\u0041 ` + "\n"  // in as many, of four kinds
	nest := func(around string) string {
		n := maxInput*9/16 - len(around)*7/4
		inner := around + strings.Repeat("x", n-len(around))
		middle := around + encode(inner)
		return around + encode(middle)
	}
	changing := deep // a run of base64 that is another one in each reading
	for len(changing) < maxInput-200 {
		changing += strings.Repeat("QUJD", 6) + "&" + strings.Repeat("amp;", 28) + "#65;"
	}
	texts := map[string]string{
		"layers":            nest(deep),
		"layers of four":    nest(wide),
		"layers of base64":  nest("x "),
		"changing base64":   changing,
		"many runs":         strings.Repeat("QUJDREVGR0h ", maxInput/12),
		"one run":           strings.Repeat("QUJD", maxInput/4),
		"hexadecimal":       deep + hex.EncodeToString([]byte(hex.EncodeToString([]byte(hex.EncodeToString([]byte(strings.Repeat("x", maxInput/8-20))))))),
		"hexadecimal runs":  deep + strings.Repeat("0123456789abcdef ", maxInput/17-10),
		"percent signs":     "%" + strings.Repeat("25", maxInput/2-10) + "41",
		"percent in layers": nest("%" + strings.Repeat("25", 29) + "41 "),
		"ampersands":        deep + strings.Repeat("&", maxInput-200) + ";",
		"entities":          deep + strings.Repeat("&a;", maxInput/3-60),
		"backslashes":       deep + strings.Repeat(`\`, maxInput-200),
		"start of a value":  deep + strings.Repeat("a", maxInput-200),
	}
	return texts
}

// A server cannot make a search longer than its limit, and what is not searched to
// its end is not shown.
func TestWorkIsBounded(t *testing.T) {
	v := typical()
	for name, text := range hostile() {
		assert.LessOrEqual(t, len(text), maxInput, name)
		s := v.search()
		f := s.find(text, maxNested)
		assert.Less(t, -s.left, 2*maxInput, name) // the last reading and the last value
		assert.True(t, s.left >= 0 || f.unknown, name)
		assert.True(t, !f.unknown || v.Line(text, MaxText) == Mark, name)
	}
}

// What is the same in each reading of a text is read once.
func TestARunIsReadOnce(t *testing.T) {
	v := typical()
	run := encode(strings.Repeat("x ", 300))
	ways := "&" + strings.Repeat("amp;", 20) + "lt;"
	s := v.search()
	f := s.find(ways+" "+run, maxNested)
	assert.False(t, f.unknown)
	readings := 22 * (len(ways) + 1 + len(run))
	assert.Less(t, maxWork-s.left, readings+6*len(run))
}

// The fields of a header have one limit, and those that servers write by themselves
// are no exception.
func TestWorkForAHeaderIsBounded(t *testing.T) {
	v, text := typical(), hostile()["layers"]
	h := http.Header{"A-First": {"correct-horse-battery!"}, "B-Echo": slices.Repeat([]string{text}, 60), "Date": {"x"}, "Z-Last": {"x"}}
	v.Header(h)
	assert.Equal(t, http.Header{"A-First": {Mark + "!"}, "B-Echo": slices.Repeat([]string{Mark}, 60), "Date": {Mark}, "Z-Last": {Mark}}, h)
}

// The fields that may have a short value in them have no other.
func TestOwnFieldIsRedacted(t *testing.T) {
	var v Values
	v.Add("correct-horse", "ng")
	h := http.Header{"Server": {"nginx correct-horse"}, "Vary": {"%" + strings.Repeat("25", 500) + "41 correct-horse"}, "Pragma": {"nginx"}}
	v.Header(h)
	assert.Equal(t, http.Header{"Server": {"nginx " + Mark}, "Vary": {Mark}, "Pragma": {"nginx"}}, h)
}

func encode(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }

// BenchmarkLineHostile shows what a server can make a line cost.
func BenchmarkLineHostile(b *testing.B) {
	v := typical()
	for name, text := range hostile() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				v.Line(text, MaxText)
			}
		})
	}
}

// typical has what is sent with an authorization code and a secret, and a long
// value that the server made.
func typical() (v Values) {
	v.Add("correct-horse-battery", "4/0AX4XfWh-the-code", "a-code-verifier-of-forty-three-characters-xx", strings.Repeat("a", 4000)+"b")
	return v
}

// BenchmarkLine has a text as servers write it.
func BenchmarkLine(b *testing.B) {
	v := typical()
	for b.Loop() {
		v.Line("AADSTS7000215: Invalid client secret provided. Trace ID: 0d9a7f5b-12ab-4cde-8f01-23456789abcd Timestamp: 2026-01-02 03:04:05Z", MaxText)
	}
}

// BenchmarkHeaderHostile has 60 fields of 4 KiB.
func BenchmarkHeaderHostile(b *testing.B) {
	v, text := typical(), hostile()["layers"]
	for b.Loop() {
		h := http.Header{}
		for range 60 {
			h.Add("X-Echo", text)
		}
		v.Header(h)
	}
}
