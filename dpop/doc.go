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
// An API puts a [Middleware] before its handlers. It validates tokens with
// package access and proofs with a [Verifier], and answers refused requests with
// the challenges that such clients act on. [Middleware.Check] does the same for
// protocols other than net/http's.
//
// Do not use the client's own key for proofs: an ES256 key made for the purpose
// is fast, and stays with its token when the client's key is rotated.
package dpop
