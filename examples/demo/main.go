// Demo does nokkel's main job against a HelseID of its own on loopback: make
// a key, register it, read when it expires, and call an API with it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	server := helseidtest.New()
	defer server.Close()
	first, err := keys.Generate(keys.ES256)
	if err != nil {
		return err
	}
	server.AddClient("demo", first.PublicKey())
	client := &helseid.Client{Environment: server.Environment(), ClientID: "demo", Scopes: []string{"demo:patients"}}

	next, err := keys.Generate(keys.ES256)
	if err != nil {
		return err
	}
	expires, err := client.UpdateClientSecret(ctx, first, next.PublicKey())
	if err != nil {
		return err
	}
	fmt.Println("registered", next.KeyID(), "until", expires)
	list, err := client.ClientSecrets(ctx, next)
	if err != nil {
		return err
	}
	for _, k := range list {
		fmt.Println("  key", k.KeyID, k.Origin, k.Expiration)
	}
	resp, err := client.HTTPClient(next).Get(server.URL() + "/api/patients")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	fmt.Println("GET /api/patients:", resp.Status)
	return nil
}
