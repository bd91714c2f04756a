package keystore_test

import (
	"fmt"
	"os"

	"github.com/nokkel/nokkel/certs/keystore"
)

// The .pfx may come from OpenSSL, keytool, .NET or Keycloak.
func ExampleParseKey() {
	pfx, err := os.ReadFile("testdata/openssl-rc2.p12")
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := keystore.ParseKey(pfx, "my client", "changeit")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(key.Algorithm(), key.Certificates()[0].Subject)
	// Output: ES256 CN=test client
}

func ExampleParse() {
	store, err := os.ReadFile("testdata/keytool-two.JKS")
	if err != nil {
		fmt.Println(err)
		return
	}
	entries, err := keystore.Parse(store, "changeit")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range entries {
		fmt.Println(e.Alias, e.Key != nil)
	}
	// Output:
	// authority false
	// one true
	// two true
}
