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
// name. [Sign] makes a single proof for programs that do the rest themselves.
package dpop
