package certs_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/internal/certstest"
)

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*", "keystore/testdata/*"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatal("no seeds", err)
		}
		for _, name := range names {
			f.Add(certstest.Read(f, name))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		chain, err := certs.Parse(data)
		if err != nil {
			var own *certs.Error
			if len(chain) > 0 || !errors.As(err, &own) {
				t.Fatalf("certificates with an error, or one without a rule: %v", err)
			}
			return
		}
		again, err := certs.Parse(certs.PEM(chain))
		if err != nil || len(again) != len(chain) {
			t.Fatal("a chain does not survive its own PEM", err)
		}
	})
}
