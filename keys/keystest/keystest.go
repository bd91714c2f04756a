// Package keystest helps to test programs that hold keys:
//
//	key := keystest.Key(t, keys.ES256)
//	keystest.Redacted(t, myConfig, keystest.Secrets(t, key)...) // no form of it shows a secret
package keystest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/keys"
)

// Key makes a new key for alg, as small as is allowed: 2048 bits for RSA.
func Key(t testing.TB, alg keys.Algorithm) *keys.Key {
	t.Helper()
	key, err := keys.GenerateRSA(alg, 2048)
	if err != nil { // not an RSA algorithm
		key, err = keys.Generate(alg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Secrets returns the private numbers of a key, big-endian.
func Secrets(t testing.TB, key *keys.Key) [][]byte {
	t.Helper()
	switch s := key.Signer().(type) {
	case *ecdsa.PrivateKey:
		d, err := s.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return [][]byte{d}
	case ed25519.PrivateKey:
		return [][]byte{s.Seed()}
	case *rsa.PrivateKey:
		return [][]byte{s.D.Bytes(), s.Primes[0].Bytes(), s.Primes[1].Bytes()}
	}
	t.Fatal("the key does not leave its device")
	return nil
}

// exportedTypes returns the sorted names of the exported types that the Go
// files of a folder declare, except tests, and except interfaces, which hold
// nothing themselves.
func exportedTypes(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Go files in %s (%v)", dir, err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.IsExported() {
				if _, isInterface := spec.Type.(*ast.InterfaceType); !isInterface {
					names = append(names, spec.Name.Name)
				}
			}
			_, inFunction := n.(*ast.FuncDecl)
			return !inFunction
		})
	}
	slices.Sort(names)
	return names
}
