// Package keystore moves a private key with its certificates in and out of
// the archives that servers and administrators use: PKCS#12 (.p12, .pfx) and
// JKS.
//
// Most callers do one of two things:
//
//	key, err := keystore.ParseKey(file, "", password)              // the only key of a keystore
//	pfx, err := keystore.MarshalPKCS12(key, "my client", password) // for Windows, Java, OpenSSL
//
// A key with its certificates is a *[keys.Key]: its Certificates method
// returns the chain, leaf first. The leaf is always for the key.
//
// Reading is bounded: in bytes, in key sizes and in the work that an archive
// may ask of its reader. Passwords are never part of an error.
package keystore
