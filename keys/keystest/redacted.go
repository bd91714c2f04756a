package keystest

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Redacted fails the test when any of the secrets (of 8 bytes or more) shows in
// what fmt, encoding/json, slog or an error prints of value: of value itself, of
// what it points to, and of either inside a struct field (exported or not), a
// slice and a map; or in a walk by reflection, which calls no methods and
// follows every pointer, as testify does to show how two values differ. It
// looks for the raw bytes, hex, base64 of both alphabets at any offset, and
// decimal. The walk skips test doubles: types of packages whose names end in
// "test".
func Redacted(t testing.TB, value any, secrets ...[]byte) {
	t.Helper()
	var all []string
	for _, secret := range secrets {
		if len(secret) < 8 {
			t.Fatal("keystest: a secret of under 8 bytes is found anywhere")
		}
		all = append(all, spellings(secret)...)
	}
	for how, text := range printed(value) {
		for _, s := range all {
			if strings.Contains(text, s) {
				t.Errorf("%T shows a secret in %s", value, how) // without the text
			}
		}
	}
}

// PackageRedacted is [Redacted] for every exported type of the package under
// test: values holds some of each, by the type's name. A type without a value
// fails the test, so that nobody adds one without thinking about it. A type that
// can hold a secret needs a value with one of secrets in it.
func PackageRedacted(t testing.TB, values map[string][]any, secrets ...[]byte) {
	t.Helper()
	for _, name := range exportedTypes(t, ".") {
		if len(values[name]) == 0 {
			t.Errorf("keystest: no value of %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			Redacted(t, value, secrets...)
		}
	}
}

// printed returns every form in which value may reach a log, by name.
func printed(value any) map[string]string {
	texts := map[string]string{"a walk by reflection": reflected(value)}
	add := func(place string, v any) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			texts[place+" "+verb] = fmt.Sprintf(verb, v)
		}
		b, err := json.Marshal(v)
		texts[place+" JSON"] = fmt.Sprintf("%s %v", b, err)
		var log bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(h).With("with", v).Info("m", "value", v)
		}
		texts[place+" slog"] = log.String()
		err = fmt.Errorf("wrapped: %w", fmt.Errorf("%v", v))
		texts[place+" error"] = fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err))
	}
	values := map[string]any{"itself": value}
	if p := reflect.ValueOf(value); p.Kind() == reflect.Pointer && !p.IsNil() {
		values["copy"] = p.Elem().Interface()
	}
	for which, v := range values {
		add(which, v)
		add(which+" in an exported field", struct{ V any }{v})
		add(which+" in an unexported field", struct{ v any }{v})
		add(which+" behind a pointer", &struct{ v any }{v})
		add(which+" in a slice", []any{v})
		add(which+" in a map", map[string]any{"v": v})
	}
	return texts
}

// spellings returns the texts that give a secret away. The last 8 bytes count
// as the whole, which finds the machine words of a printed big.Int too.
func spellings(secret []byte) []string {
	list := strings.Trim(fmt.Sprint(secret), "[]")
	word := binary.BigEndian.Uint64(secret[len(secret)-8:])
	all := []string{
		string(secret),
		list, strings.ReplaceAll(list, " ", ","),
		strings.Trim(strings.TrimPrefix(fmt.Sprintf("%#v", secret), "[]byte"), "{}"),
		hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)),
		new(big.Int).SetBytes(secret).String(),
		fmt.Sprintf("%#x", word), fmt.Sprint(word),
	}
	for offset := range 3 { // where the secret may begin in a group of three bytes
		padded := append(make([]byte, offset), secret...)
		padded = padded[:len(padded)/3*3]
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			all = append(all, enc.EncodeToString(padded)[4*((offset+2)/3):])
		}
	}
	return all
}
