package keystest

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// reflected returns every string, byte and number that a walk by reflection
// reaches from value. Such a walk asks no methods, reads unexported fields and
// follows pointers; testify walks so to show how two values differ. It cannot
// see into a func.
func reflected(value any) string {
	w := walk{seen: make(map[visit]bool)}
	w.into(reflect.ValueOf(value))
	return w.text.String()
}

type walk struct {
	text strings.Builder
	seen map[visit]bool
}

type visit struct {
	at  uintptr
	len int
	typ reflect.Type
}

func (w *walk) into(v reflect.Value) {
	if !v.IsValid() || live(v.Type()) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Map:
		if v.IsNil() || w.been(visit{v.Pointer(), 0, v.Type()}) {
			return
		}
	case reflect.Slice:
		if w.been(visit{v.Pointer(), v.Len(), v.Type()}) {
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		w.into(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			w.into(v.Field(i))
		}
	case reflect.Map:
		for entry := v.MapRange(); entry.Next(); {
			w.into(entry.Key())
			w.into(entry.Value())
		}
	case reflect.Slice, reflect.Array:
		w.words(v)
		for i := range v.Len() {
			w.into(v.Index(i))
		}
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
	default:
		fmt.Fprintln(&w.text, v) // fmt prints what a reflect.Value holds
	}
}

// words writes unsigned numbers as octets, in both orders: ciphers keep their
// keys so.
func (w *walk) words(v reflect.Value) {
	switch v.Type().Elem().Kind() {
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
	default:
		return
	}
	size := int(v.Type().Elem().Size())
	var big, little []byte
	for i := range v.Len() {
		word := binary.BigEndian.AppendUint64(nil, v.Index(i).Uint())[8-size:]
		big = append(big, word...)
		slices.Reverse(word)
		little = append(little, word...)
	}
	fmt.Fprintf(&w.text, "%s\n%s\n", big, little)
}

// been reports whether the walk has been there, and remembers that it has.
func (w *walk) been(there visit) bool {
	before := w.seen[there]
	w.seen[there] = true
	return before
}

// live reports whether values of a type change under locks of their own while
// the test goes on, so that a walk into one would be a data race; or are test
// doubles, which know the secrets of both sides.
func live(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[http.Transport](), reflect.TypeFor[http.Server](), reflect.TypeFor[sql.DB](),
		reflect.TypeFor[testing.T](), reflect.TypeFor[testing.B](), reflect.TypeFor[testing.F]():
		return true
	}
	// httptest, keycloaktest and their like; not the tests of package x, which are in x_test
	return strings.HasSuffix(t.PkgPath(), "test") && !strings.HasSuffix(t.PkgPath(), "_test")
}
