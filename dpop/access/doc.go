// Package access validates access tokens at an API: JWTs (RFC 9068) by the keys
// of their issuer, other tokens by asking the issuer (RFC 7662).
//
// Most APIs put a [Verifier] into a dpop.Middleware:
//
//	tokens := &access.Verifier{Issuer: "https://sts.example.no", Audiences: []string{"nhn:patients"}}
//
// If tokens are opaque, or a revocation must count within seconds, use an
// [Introspector] instead.
//
// Both check what they can before they make a request, cache results for a
// bounded time in bounded memory, and coalesce concurrent requests for the same
// thing. A refusal is an *[Error] without any part of the token.
package access
