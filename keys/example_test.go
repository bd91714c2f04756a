package keys_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/nokkel/nokkel/keys"
)

// How do I make a key and keep it?
func ExampleGenerate() {
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

// What may stand in a file or an environment variable?
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
	http.Handle("/.well-known/jwks.json", &keys.Handler{
		Keys: func(context.Context) (keys.Set, error) {
			return keys.Set{Keys: []*keys.PublicKey{key.PublicKey()}}, nil
		},
	})
}
