package selfservice_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/helseid"
)

// What should my monitoring alert on? (A readiness probe calls SigningKey.)
func ExampleRotator_Ready() {
	ctx := context.Background()
	rotator := &selfservice.Rotator{Store: &selfservice.Mem{}} // one that nobody has given a credential
	err := rotator.Ready(ctx)
	switch {
	case errors.Is(err, selfservice.ErrNotAdopted): // the deployment is not finished
	case errors.Is(err, selfservice.ErrLockedOut), errors.Is(err, selfservice.ErrExpired): // now: requests fail, and a person is needed
	case errors.Is(err, selfservice.ErrOverdue): // in office hours: rotations fail, the credential still works
	}
	fmt.Println(err)
	// Output: selfservice: no credential has been adopted
}

// The server refuses every credential that I have (ErrLockedOut). What now?
func ExampleRotator_lockedOut() {
	server, key := exampleServer()
	defer server.Close()
	ctx := context.Background()
	provider := &helseid.Client{Environment: server.Environment(), ClientID: "my-client"}
	rotator := &selfservice.Rotator{Provider: provider, Store: &selfservice.Mem{}, Timing: oneNode}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	another, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	server.AddClient("my-client", another.PublicKey()) // somebody replaced the key by hand
	server.RemoveKey("my-client", key.PublicKey())
	fmt.Println(errors.Is(rotator.Rotate(ctx), selfservice.ErrLockedOut))

	// Register a key by hand, start the program with it, and Adopt it: as the
	// server refuses everything in the store, the Rotator tries this one.
	restarted := &selfservice.Rotator{Provider: provider, Store: rotator.Store, Timing: oneNode}
	if err := restarted.Adopt(ctx, selfservice.Credential{Key: another}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(restarted.Rotate(ctx))
	// Output:
	// true
	// <nil>
}

// The stored state cannot be read (ErrCorrupt). What now?
func ExampleRotator_corrupt() {
	server, key := exampleServer()
	defer server.Close()
	ctx := context.Background()
	parent, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(parent)
	dir := filestore.Dir(filepath.Join(parent, "state"))
	provider := &helseid.Client{Environment: server.Environment(), ClientID: "my-client"}
	rotator := &selfservice.Rotator{Provider: provider, Store: dir, Timing: oneNode}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(parent, "state", "state-1"), 100); err != nil {
		log.Fatal(err)
	}
	restarted := &selfservice.Rotator{Provider: provider, Store: dir}
	_, err := restarted.SigningKey(ctx)
	fmt.Println(errors.Is(err, selfservice.ErrCorrupt))

	// A process that still runs has the credential in memory and serves on.
	// Keep the damaged files: what is left of them may be worth repairing.
	// Then start over in an empty store, with a key that the server knows.
	fresh := &selfservice.Rotator{Provider: provider, Store: filestore.Dir(filepath.Join(parent, "new"))}
	fmt.Println(fresh.Enroll(ctx, selfservice.Credential{Key: key}))
	// Output:
	// true
	// <nil>
}

// Which store do I use on Kubernetes?
func ExampleStore_kubernetes() {
	// Replicas on several machines share a table: package sqlstore. One pod with
	// a volume of its own may use a directory below the volume's root, as an
	// fsGroup opens the root to the group:
	var store selfservice.Store = filestore.Dir("/var/lib/app/volume/key")
	// A Secret that is mounted into the pod cannot be written. One that your
	// program updates through the API server can be a Store of your own: its
	// resourceVersion is the version, and storetest checks the rest.
	fmt.Println(store)
	// Output: /var/lib/app/volume/key
}
