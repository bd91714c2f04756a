// Package certs gives a signing key its X.509 certificate and moves both in
// and out of the archives that servers and administrators use.
//
// Most callers do one of three things:
//
//	key, err = certs.SelfSign(ctx, key, certs.Template{Subject: pkix.Name{CommonName: "my client"}})
//	pfx, err := certs.MarshalPKCS12(key, "my client", password) // for Windows, Java, OpenSSL
//	key, err := certs.ParseKey(file, "", password)              // the only key of a PKCS#12, JKS, PEM or JWK
//
// A private key with its certificates is a *[keys.Key]: its Certificates
// method gives the chain, leaf first. Whether the leaf is for the key is
// checked wherever the two meet, on writing as on reading.
//
// Reading is bounded: in bytes, in key sizes and in the work that an archive
// may ask of its reader. Passwords are never part of an error.
package certs
