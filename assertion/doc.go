// Package assertion authenticates an OAuth client with a signed assertion
// (RFC 7523, OpenID Connect Core §9: private_key_jwt and client_secret_jwt)
// and gets tokens with it.
//
// Most callers make a [Signer] and a [TokenSource]:
//
//	tokens := &assertion.TokenSource{
//		Endpoint: "https://sts.example.no/connect/token",
//		Auth:     &assertion.Signer{ClientID: id, Audience: issuer, Key: key},
//		Scopes:   []string{"patients/read"},
//	}
//	token, err := tokens.Token(ctx)
//
// Programs that already use golang.org/x/oauth2 put a [Transport] into its
// context and keep their code. Where the server knows the client by a plain
// secret, [Basic] or [Post] takes the Signer's place, and where it knows its
// certificate, [MutualTLS]. [Moving] takes a program from one of them to another
// while it runs. [Discover] finds the endpoints of an issuer.
//
// Keys and secrets come from a keys.Source or keys.SecretSource and are asked
// for at every attempt, so that a rotation changes them under a running
// program. Every refusal is an *[Error]; none holds a token, an assertion, a
// secret or a body.
package assertion
