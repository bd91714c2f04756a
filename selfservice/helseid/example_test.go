package helseid_test

import (
	"context"
	"fmt"
	"io"

	"github.com/nokkel/nokkel/keys"
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
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Print(resp.StatusCode, " ", string(body))
	if err != nil {
		fmt.Println(err)
	}
	// Output: 200 ["Kari Nordmann","Ola Nordmann"]
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
		fmt.Println(err)
		return
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
		fmt.Println(err)
		return
	}
	// Here the new private key is stored, durably.
	if _, err := client.UpdateClientSecret(ctx, current, next.PublicKey()); err != nil {
		fmt.Println(err)
		return
	}
	if err := client.VerifyKey(ctx, next); err != nil { // may take a while to be accepted
		fmt.Println(err)
		return
	}
	list, err := client.ClientSecrets(ctx, next)
	if err != nil {
		fmt.Println(err)
		return
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
