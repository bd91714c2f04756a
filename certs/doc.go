// Package certs gives a signing key its X.509 certificate.
//
// Most callers do one of two things:
//
//	key, err = certs.SelfSign(ctx, key, certs.Template{Subject: pkix.Name{CommonName: "my client"}})
//
//	request, err := certs.Request(ctx, key, template) // for a certificate authority, whose answer
//	chain, err := certs.Parse(answer)                 // comes as PEM or DER
//	key, err = certs.Attach(key, chain)
//
// A private key with its certificates is a *[keys.Key]: its Certificates
// method returns the chain, leaf first. [TLS] and [ClientCertificate] present
// it in mutual TLS; [SHA1] and [SHA256] are its thumbprints.
//
// Package certs/keystore moves both in and out of PKCS#12 and JKS.
package certs
