package keystore_test

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys"
)

// How do I read a .pfx? It may come from Windows, OpenSSL, Java or Keycloak.
// Without an alias the archive must hold one private key.
func ExampleParseKey_pfx() {
	pfx, err := os.ReadFile("testdata/openssl-rc2.p12")
	if err != nil {
		log.Fatal(err)
	}
	key, err := keystore.ParseKey(pfx, "my client", "changeit")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key.Algorithm(), key.Certificates()[0].Subject)
	// Output: ES256 CN=test client
}

// What is in this Java keystore?
func ExampleParse_jks() {
	store, err := os.ReadFile("testdata/keytool-two.JKS")
	if err != nil {
		log.Fatal(err)
	}
	entries, err := keystore.Parse(store, "changeit")
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range entries {
		fmt.Println(e.Alias, e.Key != nil)
	}
	// Output:
	// authority false
	// one true
	// two true
}

// How do I hand my key and its certificate to a Windows or Java program?
func ExampleMarshalPKCS12() {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	key, err = certs.SelfSign(context.Background(), key, certs.Template{Subject: pkix.Name{CommonName: "my client"}})
	if err != nil {
		log.Fatal(err)
	}
	pfx, err := keystore.MarshalPKCS12(key, "my client", "a random password")
	if err != nil {
		log.Fatal(err)
	}
	// keys.WriteFile("client.pfx", pfx, false) saves it for its owner alone.
	again, err := keystore.ParseKey(pfx, "", "a random password")
	fmt.Println(again.PublicKey().Equal(key.PublicKey()), err)
	// Output: true <nil>
}

// My client is registered for PS256. Which algorithm does a key from a keystore
// have?
func ExampleParseKey_algorithm() {
	store, err := os.ReadFile("testdata/keytool-rsa.JKS")
	if err != nil {
		log.Fatal(err)
	}
	key, err := keystore.ParseKey(store, "", "changeit")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key.Algorithm(), "is what an RSA key without an algorithm gets")
	key, err = key.With(keys.Options{Algorithm: keys.PS256})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key.Algorithm(), "from now on, with the same certificate and key ID")
	// Output:
	// RS256 is what an RSA key without an algorithm gets
	// PS256 from now on, with the same certificate and key ID
}

// Was it the password?
func ExampleError_password() {
	pfx, err := os.ReadFile("testdata/openssl-aes256.p12")
	if err != nil {
		log.Fatal(err)
	}
	_, err = keystore.ParseKey(pfx, "", "a guess")
	fmt.Println(errors.Is(err, keystore.ErrPassword))
	fmt.Println(err)
	// Output:
	// true
	// keystore: password not accepted: it does not match, or the keystore is damaged
}
