// Package keys makes, reads, writes and publishes the private keys with which
// an OAuth client signs (RFC 7515, RFC 7517, RFC 7518, RFC 8037).
//
// Most callers do one of two things:
//
//	key, err := keys.Generate(keys.ES256)                 // a new key
//	key, err := keys.ReadFile("client_private.json")      // one that exists
//
// and hand the key to packages assertion, dpop or selfservice, which sign with
// it. A *[Key] is also a [Source], the interface through which those packages
// ask for the current key, so that a rotation can change it underneath them.
//
// A Key is immutable and safe for concurrent use. It never shows its private
// part by accident, copied or inside another value: fmt, JSON, slog and even
// reflection see the public part only. [Key.PrivateJWK], [Key.PrivatePEM],
// [Key.PrivateJOSE] and [Key.Signer] are the explicit ways out.
//
// This package makes signatures. The only ones it verifies are those that a
// signer outside the standard library has just made for it.
package keys
