// Package okta owns the credentials of OAuth apps at Okta: their client
// secrets and their public keys, as Okta's guide for rotating them describes
// it, step by step or all at once.
//
// A service app that rotates its own key:
//
//	client := &okta.Client{Org: okta.Org{URL: "https://acme.okta.com"}, AppID: "0oa…"}
//	rotator := &selfservice.Rotator{Provider: okta.JWKS{Client: client}, Store: store}
package okta
