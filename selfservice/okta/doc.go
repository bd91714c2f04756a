// Package okta owns the credentials of OAuth apps at Okta: their client
// secrets and their public keys, as Okta's guide for rotating them describes
// it, step by step or all at once.
//
// Most callers rotate the key of a service app that may manage apps, itself
// among them:
//
//	client := &okta.Client{Org: okta.Org{URL: "https://acme.okta.com"}, AppID: "0oa…"}
//	rotator := &selfservice.Rotator{Provider: okta.JWKS{Client: client}, Store: store}
//
// With an [Admin] in the Client somebody else manages the app, and many like
// it. That is a service app with a key of its own, which another Rotator may
// renew meanwhile:
//
//	client.Admin = &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer("0oa…", key), &dpop.Prover{})}
//
// What is rotated, and how:
//
//   - [JWKS]: public keys that are stored at Okta, old and new side by side.
//     The way to prefer.
//   - [JWKSURL]: Okta fetches the keys from a URL of yours. Nothing at Okta
//     has to change for a new key.
//   - [Secrets]: client secrets, of which there are two at most. The next one
//     is made and saved here before Okta knows it.
//
// The eight steps of the guide are one Rotate: a second credential is added,
// proved by a token and used, the old one deactivated, the new one proved alone
// (or the old one activated again), and the old one deleted. [Admin] has each
// step as a call of its own.
//
// # What a person sets up
//
// At Okta, once:
//
//   - The feature "OAuth secrets and key management" is on in the org.
//   - For the program that manages: an API Services app with "Public key /
//     Private key", whose first key is pasted in, with its kid. It stays with
//     "Require DPoP"; an older app without it works too.
//   - The scopes okta.apps.read and okta.apps.manage are granted to it. There
//     is none with which an app may manage only itself.
//   - An administrator role is assigned to it: Application Administrator, or a
//     custom one with the permissions to manage apps and
//     okta.apps.clientCredentials.read, for apps that have no okta.* scopes.
//     Super Administrator for those that have, itself among them. The org's
//     setting "Public client app admins" may assign it unasked.
//   - Every program that uses the app sends the kid of its key, as this module
//     does. As soon as there is a second key, assertions without one fail.
//   - For [Secrets]: one of the two places is free. For a web app the first
//     secret is handed to Rotator.Adopt.
//   - For [JWKSURL]: the app's URL is set, by a person or by
//     [Admin.SetAuthentication]. That call deletes what the other way left
//     behind, so whoever makes it names all of it.
//
// [selfservice.Rotator.Check] says which of these is missing, before the first
// rotation does.
//
// An SSWS token in place of the service app is Admin.APIToken. It ends with
// the person who made it, or after 30 days without use.
//
// # What each refusal means
//
//   - [ErrScope]: the scope it names is not granted to the service app.
//   - [ErrForbidden]: the scope is, and the role is missing. An app with okta.*
//     scopes takes a Super Administrator.
//   - [ErrUnauthorized]: the token is not accepted; of an SSWS token, for good.
//   - [ErrFeature]: see above.
//   - [ErrFull], which is selfservice.ErrLimit: two secrets or 50 keys, inactive
//     ones included. A Rotator goes on by itself when there is room; to make it
//     is for a person, or for Secrets.Yield.
//   - [ErrLastActive]: what would be deactivated is the only active credential.
//     Add another one first.
//   - [ErrActive]: deactivate it before deleting it.
//   - [ErrInactive]: what would be added is there and inactive. Activate it; a
//     Rotator does.
//   - [ErrKeyID]: a registered key has no kid, or has that of the new key, or is
//     the active one under another name. The error names it: replace or delete
//     it.
//   - [ErrMethod]: the app proves itself in another way than the call is for.
//   - [ErrUnconfirmed]: the change would delete the credentials that it names.
//   - [ErrLost]: another administrator wrote the app in the same instant. Look,
//     and do it again.
//   - [ErrUnknown]: values of secrets are hidden and Okta's hash is of another
//     kind than known. Grant okta.apps.clientCredentials.read.
//   - [ErrBusy], [ErrReadOnly]: it is tried again after a while.
//
// An app that shares its credentials with others, an AI agent say, rotates
// them for all.
//
// No Okta was at hand when this was written: package oktatest is one to test
// against, held against Okta's own Go SDK and its OpenAPI document. What they
// leave open it can do either way, and the tests of this package pass with
// both.
package okta
