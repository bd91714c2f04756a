package main

import (
	"github.com/nokkel/nokkel/selfservice/helseid"
)

// connection holds the options that say which client at which HelseID.
type connection struct {
	clientID, authority, base string
}

func (x *connection) declare(o *options) {
	o.required(&x.clientID, "ClientId", "c", "the client's id")
	o.required(&x.authority, "AuthorityUrl", "a", "HelseID, like "+helseid.Test.Authority)
	o.required(&x.base, "BaseAddress", "b", "the self-service API, like "+helseid.Test.BaseAddress)
}

func (x *connection) client() *helseid.Client {
	return &helseid.Client{ClientID: x.clientID, Environment: helseid.Environment{Authority: x.authority, BaseAddress: x.base}}
}
