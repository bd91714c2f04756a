package selfservice_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
)

// How does a program renew its own key while it runs?
func ExampleRotator() {
	server, key := exampleServer() // in place of HelseID itself
	defer server.Close()
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	client := &helseid.Client{Environment: server.Environment(), ClientID: "my-client", Scopes: []string{"nhn:patients/read"}}
	rotator := &selfservice.Rotator{Provider: client, Store: filestore.Dir(dir)}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil { // the one registered by hand
		log.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- rotator.Run(ctx) }()

	api := client.HTTPClient(rotator) // always as the key of the moment
	resp, err := api.Get(server.URL() + "/api/patients")
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println(resp.StatusCode)
	cancel()
	fmt.Println(<-stopped)
	// Output:
	// 200
	// context canceled
}

// How do I rotate from cron, without a process that stays?
func ExampleRotator_RunDue() {
	server, key := exampleServer()
	defer server.Close()
	ctx := context.Background()
	rotator := &selfservice.Rotator{
		Provider: &helseid.Client{Environment: server.Environment(), ClientID: "my-client"},
		Store:    &selfservice.Mem{}, // a filestore.Dir, so that the next run finds it
		Owner:    "nightly",          // a run after a crash need not wait for the dead one's lease
	}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	next, err := rotator.RunDue(ctx)
	if err != nil {
		log.Fatal(err) // the next run resumes where this one stopped
	}
	fmt.Println(next.After(time.Now()))
	// Output: true
}

// How do I hear of what happens, and of what fails?
func ExampleRotator_onEvent() {
	server, key := exampleServer()
	defer server.Close()
	ctx := context.Background()
	rotator := &selfservice.Rotator{
		Provider: &helseid.Client{Environment: server.Environment(), ClientID: "my-client"},
		Store:    &selfservice.Mem{},
		Timing:   selfservice.Timing{Propagation: -1}, // this server has one node; leave it out at a real one
		OnEvent: func(e selfservice.Event) {
			fmt.Println(e.Kind, e.Err) // count e.Kind in your metrics; alert on EventDamaged, and for the rest on Ready
		},
	}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	if err := rotator.Rotate(ctx); err != nil { // now, whatever is due
		log.Fatal(err)
	}
	// Output:
	// adopted <nil>
	// started <nil>
	// registered <nil>
	// switched <nil>
}

// How does one process rotate the keys of many clients?
func ExampleFleet() {
	server, key := exampleServer()
	defer server.Close()
	ctx := context.Background()
	first := &helseid.Client{Environment: server.Environment()}
	var rotators []*selfservice.Rotator
	for _, id := range []string{"hospital-1", "hospital-2"} {
		server.AddClient(id, key.PublicKey())
		r := &selfservice.Rotator{Provider: first.For(id), Store: &selfservice.Mem{}, Timing: oneNode} // Store: sqlstore.Table.Store(id)
		if err := r.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
			log.Fatal(err)
		}
		rotators = append(rotators, r)
	}
	fleet := &selfservice.Fleet{Rotators: slices.Values(rotators), Interval: 10 * time.Millisecond}
	report, err := fleet.RotateOlder(ctx, time.Now()) // all of them, after a leak; RotateDue day by day
	fmt.Println(report.Clients, report.Rotated, report.Failed, err)
	// Output: 2 2 0 <nil>
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
