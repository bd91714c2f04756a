package main

import (
	"context"
	"strings"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/helseid"
)

func helseidCommands() []command {
	return append(rotating("helseid", "a client's key", "", func() system { return &helseidClient{} }),
		command{"helseid status", "print the keys that HelseID lists for a client", aboutHelseidStatus, &helseidStatus{}})
}

// connection holds the options that say which client at which HelseID.
type connection struct {
	clientID, authority, base string
}

func (x *connection) declare(o *options) {
	o.required(&x.clientID, "ClientId", "c", "the client's id")
	o.requiredURL(&x.authority, "AuthorityUrl", "a", "HelseID, like "+helseid.Test.Authority)
	o.requiredURL(&x.base, "BaseAddress", "b", "the self-service API, like "+helseid.Test.BaseAddress)
}

// at takes the authority with a slash at its end too, as FHI's tool does;
// the issuer's own name, which must be met exactly, has none.
func (x *connection) at() *helseid.Client {
	environment := helseid.Environment{Authority: strings.TrimRight(x.authority, "/"), BaseAddress: x.base}
	return &helseid.Client{ClientID: x.clientID, Environment: environment}
}

// helseidClient is the system HelseID.
type helseidClient struct {
	connection
}

func (h *helseidClient) client() string { return h.clientID }

func (h *helseidClient) kinds() kinds { return keysOnly }

func (h *helseidClient) provider(bool) (selfservice.Provider, error) { return h.at(), nil }

const aboutHelseidStatus = `Prints the keys that HelseID lists for a client, which logs in with one of them.
It changes nothing.`

// helseidStatus is the command "helseid status".
type helseidStatus struct {
	connection
	existing given
}

func (h *helseidStatus) declare(o *options) {
	h.connection.declare(o)
	h.existing.declarePrivate(o, "ExistingPrivateJwk", "e", "ep", "a private key that is registered")
}

func (h *helseidStatus) run(ctx context.Context, c *console) error {
	key, err := h.existing.private(c)
	if err != nil {
		return err
	}
	list, err := h.at().ClientSecrets(ctx, key)
	for _, s := range list {
		c.credential("Key", s.KeyID, time.Time{}, s.Expiration, "origin", s.Origin)
	}
	return err
}
