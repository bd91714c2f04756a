package keystore

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nokkel/nokkel/keys"
)

// seeds returns the files made by OpenSSL, keytool and Keycloak, and of RFC 9579.
func seeds(f *testing.F) [][]byte {
	names, err := filepath.Glob("testdata/*")
	if err != nil || len(names) == 0 {
		f.Fatal("no seeds", err)
	}
	names = append(names, "../testdata/client.key", "../testdata/client.pem", "../testdata/client.pub")
	var all [][]byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

// checkParsed checks that entries are complete and errors typed.
func checkParsed(t *testing.T, entries []Entry, err error) {
	t.Helper()
	if err != nil {
		var own *Error
		var theirs *keys.Error
		if len(entries) > 0 || !errors.As(err, &own) && !errors.As(err, &theirs) {
			t.Fatalf("entries with an error, or one without a rule: %v", err)
		}
		return
	}
	for _, e := range entries {
		if e.Public == nil || e.Key != nil && !e.Key.PublicKey().Equal(e.Public) {
			t.Fatal("entry without its public key")
		}
		if chain := e.Public.Certificates(); len(chain) > 0 && !isFor(chain[0], e.Public.Public()) {
			t.Fatal("certificate for another key")
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := Parse(data, hostilePassword)
		checkParsed(t, entries, err)
	})
}

// FuzzPKCS12 changes the authenticated content and then recomputes the MAC, which
// FuzzParse could not do. The reader's filler key is random, so minimizing does
// not converge: run it with -fuzzminimizetime=1x.
func FuzzPKCS12(f *testing.F) {
	for _, seed := range seeds(f) {
		var p pfx
		if unmarshal(seed, &p) == nil {
			f.Add(p.AuthSafe.Content)
		}
	}
	pw, err := newPassword(hostilePassword)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		var p pfx
		p.Version = pfxVersion
		p.AuthSafe.ContentType = oid(oidData)
		p.AuthSafe.Content = content
		p.MacData.Mac.Algorithm.Algorithm = oid(oidSHA256)
		p.MacData.Iterations = 1
		p.MacData.Mac.Digest, _ = p.MacData.sum(pw, content)
		entries, err := Parse(der(t, p), hostilePassword)
		checkParsed(t, entries, err)
	})
}

// FuzzJKS does the same with the hash at the end of a JKS.
func FuzzJKS(f *testing.F) {
	for _, seed := range seeds(f) {
		if bytes.HasPrefix(seed, []byte(magicJKS)) {
			f.Add(seed[:len(seed)-sha1.Size])
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h := sha1.New()
		for _, b := range []byte(hostilePassword) {
			h.Write([]byte{0, b})
		}
		h.Write([]byte("Mighty Aphrodite"))
		h.Write(data)
		entries, err := Parse(h.Sum(bytes.Clone(data)), hostilePassword)
		checkParsed(t, entries, err)
	})
}

func isFor(c *x509.Certificate, pub crypto.PublicKey) bool {
	k, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(pub)
}
