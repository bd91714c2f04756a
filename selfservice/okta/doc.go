// Package okta owns the credentials of OAuth apps at Okta: their client
// secrets and their public keys, as Okta's guide for rotating them describes
// it, step by step or all at once.
//
// Most callers have one service app, the manager, that renews the credentials of
// all other apps:
//
//	org := okta.Org{URL: "https://acme.okta.com"}
//	admin := &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer("0oa…", key), &dpop.Prover{})}
//	client := &okta.Client{Org: org, AppID: "0oa…", Admin: admin}
//	rotator := &selfservice.Rotator{Provider: okta.JWKS{Client: client}, Store: store}
//
// As long as those apps have no okta.* scopes, the manager is an Application
// Administrator, whom Okta can limit to them.
//
// A Client without an Admin is a service app that manages itself. It needs okta.*
// scopes for that, and Okta lets nobody but a Super Administrator change the
// credentials of an app that has any. So the app must be one, and whoever takes
// its key takes the org. An app that only calls APIs is better off with a
// manager. The manager's own key is renewed by a person, or at this price by
// the manager itself.
//
// What is rotated, and how:
//
//   - [JWKS]: public keys stored at Okta, old and new side by side. Prefer this
//     one.
//   - [JWKSURL]: Okta fetches the keys from a URL of yours. Nothing at Okta
//     has to change for a new key.
//   - [Secrets]: client secrets, at most two for an app. The next one is
//     generated and saved locally before Okta learns of it.
//
// One Rotate performs the eight steps of the guide: it adds a second
// credential, verifies it by getting a token, switches to it, deactivates the
// old one, verifies the new one alone (or reactivates the old one), and deletes
// the old one. [Admin] has a method for each step.
//
// # What a person sets up
//
// At Okta, once:
//
//   - The feature "OAuth secrets and key management" is on in the org.
//   - For the program that manages: an API Services app with "Public key /
//     Private key", whose first key is pasted in, with its kid. It stays with
//     "Require DPoP"; an older app without it works too.
//   - The scopes okta.apps.read and okta.apps.manage are granted to it. No
//     scope limits an app to managing itself.
//   - An administrator role is assigned to it. To manage apps that have no okta.*
//     scopes: Application Administrator, or a custom role with the permissions
//     to manage apps and okta.apps.clientCredentials.read. To manage apps that
//     have, including itself: Super Administrator. The org's setting "Public
//     client app admins" assigns that role unasked: turn it off before a
//     manager that does not need the role is granted its scopes.
//   - Every program that uses the app sends the kid of its key, as this module
//     does. As soon as there is a second key, assertions without one fail.
//   - For [Secrets]: one of the two places is free. For a web app the first
//     secret is handed to Rotator.Adopt.
//   - For [JWKSURL]: the app's URL is set, by a person or by
//     [Admin.SetAuthentication]. That call deletes the credentials of the other
//     method, and so has to name them.
//
// [selfservice.Rotator.Check] says which of these is missing, before the first
// rotation does.
//
// An SSWS token in Admin.APIToken replaces the service app. The token
// ends with its owner's account, or after 30 days without use.
//
// # What each refusal means
//
//   - [ErrScope]: the scope it names is not granted to the service app.
//   - [ErrForbidden]: the scope is granted, but the role is missing. An app with
//     okta.* scopes needs a Super Administrator.
//   - [ErrUnauthorized]: the token is not accepted. An SSWS token never will be again.
//   - [ErrFeature]: see above.
//   - [ErrFull], which is selfservice.ErrLimit: two secrets or 50 keys,
//     inactive ones included. A Rotator continues once there is room; making
//     room is up to a person, or to Secrets.Yield.
//   - [ErrLastActive]: what would be deactivated is the only active credential.
//     Add another one first.
//   - [ErrActive]: deactivate it before deleting it.
//   - [ErrInactive]: the credential is registered already, but inactive.
//     Activate it; a Rotator does.
//   - [ErrKeyID]: a registered key has no kid, has the kid of the new key, or
//     is the active key under another kid. The error names it; replace or
//     delete it.
//   - [ErrMethod]: the app authenticates with another kind of credential.
//   - [ErrUnconfirmed]: the change would delete the credentials that it names.
//   - [ErrLost]: another administrator updated the app at the same time. Check
//     the app, and retry.
//   - [ErrUnknown]: the values of secrets are hidden, and their hash has an
//     unknown format. Grant okta.apps.clientCredentials.read.
//   - [ErrBusy], [ErrReadOnly]: the call is retried later.
//
// If an app shares its credentials, with an AI agent for example, a rotation
// affects everyone who uses them.
//
// This package has not been run against a live Okta org. Its tests use package
// oktatest, a fake that is itself checked against Okta's Go SDK and OpenAPI
// document. Where those leave a behavior open, the fake can do either, and the
// tests pass with both.
package okta
