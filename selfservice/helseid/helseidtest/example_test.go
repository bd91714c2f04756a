package helseidtest_test

import (
	"context"
	"fmt"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
)

// What does my program do when the answer to a registration is lost?
func ExampleServer_Inject() {
	server := helseidtest.New()
	defer server.Close()
	current, err := keys.Generate(keys.ES256)
	if err != nil {
		panic(err)
	}
	next, err := keys.Generate(keys.ES256)
	if err != nil {
		panic(err)
	}
	server.AddClient("my-client", current.PublicKey())
	client := &helseid.Client{Environment: server.Environment(), ClientID: "my-client"}

	ctx := context.Background()
	if err := client.VerifyKey(ctx, current); err != nil {
		panic(err)
	}
	server.Inject(helseidtest.Nth(1, helseidtest.Fault{Execute: true}))
	_, err = client.UpdateClientSecret(ctx, current, next.PublicKey())
	fmt.Println("an error:", err != nil)
	fmt.Println("keys at the server:", len(server.Keys("my-client")))
	fmt.Println("registrations:", server.Counts().Registrations)
	// Output:
	// an error: true
	// keys at the server: 2
	// registrations: 1
}
