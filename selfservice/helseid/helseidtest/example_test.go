package helseidtest_test

import (
	"context"
	"fmt"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
)

// How do I test that my program outlives a rotation? It calls the API that the
// fake has, before and after.
func Example() {
	server := helseidtest.New()
	defer server.Close()
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		panic(err)
	}
	server.AddClient("my-client", key.PublicKey())
	server.Replace = helseidtest.AtOnce // HelseID does not promise that the old key lives on

	client := &helseid.Client{Environment: server.Environment(), ClientID: "my-client", Scopes: []string{"nhn:patients/read"}}
	rotator := &selfservice.Rotator{Provider: client, Store: &selfservice.Mem{}, Timing: selfservice.Timing{Propagation: -1}}
	ctx := context.Background()
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		panic(err)
	}
	program := func() int {
		resp, err := client.HTTPClient(rotator).Get(server.URL() + "/api/patients")
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	fmt.Println("before:", program())
	if err := rotator.Rotate(ctx); err != nil {
		panic(err)
	}
	fmt.Println("after:", program())
	fmt.Println("registrations:", server.Counts().Registrations)
	// Output:
	// before: 200
	// after: 200
	// registrations: 1
}

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
