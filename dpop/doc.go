// Package dpop proves possession of a key with every request (RFC 9449).
//
// Most clients put a [Transport] into their http.Client, with an
// assertion.TokenSource that gets the tokens:
//
//	api := &http.Client{Transport: &dpop.Transport{Tokens: tokens}}
//	resp, err := api.Get("https://api.example.no/patients")
//
// The Transport makes the proofs, keeps the nonces of each server, answers a
// nonce challenge once and sends nothing to an origin that the caller did not
// name. Programs that get their tokens in another way, such as those on
// golang.org/x/oauth2, use [Prover.Bind]: the same with a key of theirs. [Sign]
// makes a single proof and sends nothing.
//
// An API puts a [Middleware] before its handlers: it knows tokens by package
// access, verifies proofs by a [Verifier], and answers what it does not let in
// with the challenges that such clients act on. [Middleware.Check] is the same
// for other protocols than net/http's.
//
// The key of the proofs is best not the client's own: an ES256 key made for
// the purpose is fast, and stays with its token whatever becomes of the other.
package dpop
