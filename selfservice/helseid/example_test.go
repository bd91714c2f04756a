package helseid_test

import (
	"context"
	"fmt"
	"io"
	"log"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
)

// How do I call an API of the sector?
func ExampleClient_HTTPClient() {
	server, key := exampleServer() // in place of HelseID itself
	defer server.Close()

	client := &helseid.Client{
		Environment: server.Environment(), // helseid.Test or helseid.Production
		ClientID:    "my-client",
		Scopes:      []string{"nhn:patients/read"},
	}
	api := client.HTTPClient(key)
	resp, err := api.Get(server.URL() + "/api/patients")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(resp.StatusCode, " ", string(body))
	// Output: 200 ["Kari Nordmann","Ola Nordmann"]
}

// How does a program renew its own key while it runs?
func ExampleClient() {
	server, key := exampleServer()
	defer server.Close()
	ctx := context.Background()

	client := &helseid.Client{Environment: server.Environment(), ClientID: "my-client"}
	rotator := &selfservice.Rotator{Provider: client, Store: &selfservice.Mem{}} // filestore.Dir("/var/lib/app/key")
	rotator.Timing.Propagation = -1                                              // the server of the example has one node
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	if err := rotator.Rotate(ctx); err != nil { // go rotator.Run(ctx) does it when it is due
		log.Fatal(err)
	}
	now, err := rotator.SigningKey(ctx) // what client.HTTPClient(rotator) signs with
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("another key:", now.KeyID() != key.KeyID())
	fmt.Println("accepted:", server.Accepts("my-client", now.Thumbprint()))
	// Output:
	// another key: true
	// accepted: true
}

// How does a multi-tenant client act for an organisation, and learn that it
// lacks a signature?
func ExampleRejectedScopes() {
	server, key := exampleServer()
	defer server.Close()
	server.RejectScopes("123456789", "nhn:patients/write")

	client := &helseid.Client{
		Environment: server.Environment(),
		ClientID:    "my-client",
		Scopes:      []string{"nhn:patients/read", "nhn:patients/write"},
	}
	token, err := client.Tokens(key, helseid.MultiTenant{Parent: "123456789"}).Token(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("granted: ", token.Scopes)
	fmt.Println("rejected:", helseid.RejectedScopes(token))
	// Output:
	// granted:  [nhn:patients/read]
	// rejected: [nhn:patients/write]
}

// How is a key renewed, step by step? (A selfservice.Rotator does this.)
func ExampleClient_UpdateClientSecret() {
	server, current := exampleServer()
	defer server.Close()
	ctx := context.Background()
	client := &helseid.Client{Environment: server.Environment(), ClientID: "my-client"}

	next, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	// Here the new private key is stored, durably.
	if _, err := client.UpdateClientSecret(ctx, current, next.PublicKey()); err != nil {
		log.Fatal(err)
	}
	if err := client.VerifyKey(ctx, next); err != nil { // may take a while to be accepted
		log.Fatal(err)
	}
	list, err := client.ClientSecrets(ctx, next)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range list {
		fmt.Println(s.Origin, "expires:", !s.Expiration.IsZero())
	}
	_, found := helseid.Find(list, next.PublicKey())
	fmt.Println("found:", found)
	// Output:
	// Gui expires: false
	// Api expires: true
	// found: true
}

func exampleServer() (*helseidtest.Server, *keys.Key) {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		panic(err)
	}
	server := helseidtest.New()
	server.AddClient("my-client", key.PublicKey())
	return server, key
}
