package keys_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

// How do I make a key and keep it?
func ExampleKey_WriteFile() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "client_private.json")

	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	if err := key.WriteFile(name); err != nil {
		log.Fatal(err) // keys.ErrExists: there is one already
	}

	again, err := keys.ReadFile(name)
	fmt.Println(again.Thumbprint() == key.Thumbprint(), err)
	// Output: true <nil>
}

// What may a file or an environment variable hold?
func ExampleParse() {
	for _, text := range []string{
		`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`,
		`"{\u0022kty\u0022:\u0022OKP\u0022,\u0022crv\u0022:\u0022Ed25519\u0022,\u0022x\u0022:\u002211qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\u0022,\u0022d\u0022:\u0022nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\u0022}"`,
		`MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v_VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g`,
	} {
		key, err := keys.Parse([]byte(text), keys.Options{})
		fmt.Println(key, err)
	}
	// Output:
	// keys.Key(EdDSA kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k) <nil>
	// keys.Key(EdDSA kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k) <nil>
	// keys.Key(EdDSA kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k) <nil>
}

// How do I tell what was wrong with a key?
func ExampleError() {
	_, err := keys.Parse([]byte(`{"kty":"EC","use":"enc","crv":"P-256",
		"x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}`), keys.Options{})
	fmt.Println(err)
	fmt.Println(errors.Is(err, keys.ErrNotSigning))
	// Output:
	// keys: not a signing key: use is not sig
	// true
}

// How does one key get another algorithm or key id?
func ExampleKey_With() {
	key, err := keys.GenerateRSA(keys.RS256, 2048)
	if err != nil {
		log.Fatal(err)
	}
	key, err = key.With(keys.Options{Algorithm: keys.PS256, KeyID: "2026-07"})
	fmt.Println(key, err)
	// Output: keys.Key(PS256 2026-07) <nil>
}

// How do I publish my public keys?
func ExampleHandler() {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/.well-known/jwks.json", &keys.Handler{
		Keys: func(context.Context) (keys.Set, error) {
			return keys.Set{Keys: []*keys.PublicKey{key.PublicKey()}}, nil // the next one too, before it signs
		},
	})

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/.well-known/jwks.json", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"), w.Header().Get("Cache-Control"))
	set, err := keys.ParseSet(w.Body.Bytes())
	fmt.Println(set.Key(key.KeyID()).Equal(key.PublicKey()), err)
	// Output:
	// 200 application/jwk-set+json public, max-age=300
	// true <nil>
}

// hsm stands for the crypto.Signer of a PKCS#11 or KMS library.
type hsm struct{ crypto.Signer }

// Can my key stay in an HSM or a KMS? It signs all that this module signs:
// assertions, DPoP proofs, certificates, TLS handshakes. It cannot be written
// out, so neither a file nor a keystore nor the store of a selfservice.Rotator
// holds it. A signer that waits on a network implements keys.ContextSigner.
func ExampleNew_hsm() {
	inside, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	key, err := keys.New(hsm{inside}, keys.Options{KeyID: "slot-1"})
	if err != nil {
		log.Fatal(err)
	}
	jws, err := key.Sign(context.Background(), keys.Header{}, []byte(`{"iss":"my-client"}`))
	fmt.Println(key.PublicKey(), strings.Count(jws, "."), err)
	_, err = key.PrivateJWK()
	fmt.Println(errors.Is(err, keys.ErrNoPrivateKey))
	// Output:
	// keys.PublicKey(ES256 slot-1) 2 <nil>
	// true
}

// What do I send to the server that is to know my key?
func ExamplePublicKey_JWK() {
	key, err := keys.ParsePublic([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`), keys.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(key.JWK()))
	fmt.Print(string(key.PEM()))
	// Output:
	// {"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"EdDSA","use":"sig","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}
	// -----BEGIN PUBLIC KEY-----
	// MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
	// -----END PUBLIC KEY-----
}

// How do I keep a client secret out of logs?
func ExampleSecret() {
	config := struct {
		ClientID string
		Secret   keys.Secret
	}{"my-client", keys.NewSecret("correct horse")}
	fmt.Printf("%+v\n", config)
	fmt.Println(len(config.Secret.Reveal()))
	// Output:
	// {ClientID:my-client Secret:[redacted]}
	// 13
}
