// Package access tells an API what the access tokens that it gets are good for:
// JWTs (RFC 9068) by the keys of their issuer, and others by asking the issuer
// (RFC 7662).
//
// Most APIs put a [Verifier] into a dpop.Middleware:
//
//	tokens := &access.Verifier{Issuer: "https://sts.example.no", Audiences: []string{"nhn:patients"}}
//
// Where tokens are opaque, or must be known to be revoked within seconds, an
// [Introspector] takes its place.
//
// Both check what they can before they ask anybody, keep what they have learned
// for a bounded time in bounded memory, and make one request at a time for one
// thing, however many wait for it. A refusal is an *[Error] without any part of
// the token.
package access
