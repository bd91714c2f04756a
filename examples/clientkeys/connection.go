package main

import (
	"strings"

	"github.com/nokkel/nokkel/selfservice/helseid"
)

// connection holds the options that say which client at which HelseID.
type connection struct {
	clientID, authority, base string
}

func (x *connection) declare(o *options) {
	o.required(&x.clientID, "ClientId", "c", "the client's id")
	o.requiredURL(&x.authority, "AuthorityUrl", "a", "HelseID, like "+helseid.Test.Authority)
	o.requiredURL(&x.base, "BaseAddress", "b", "the self-service API, like "+helseid.Test.BaseAddress)
}

// client takes the authority with a slash at its end too, as FHI's tool does;
// the issuer's own name, which must be met exactly, has none.
func (x *connection) client() *helseid.Client {
	environment := helseid.Environment{Authority: strings.TrimRight(x.authority, "/"), BaseAddress: x.base}
	return &helseid.Client{ClientID: x.clientID, Environment: environment}
}
