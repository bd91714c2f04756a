// Package keycloak rotates the credentials of confidential clients at Keycloak:
// keys, certificates and secrets.
//
// Most programs rotate the key of their own client, whose service account has
// the role manage-clients of the client realm-management:
//
//	realm := keycloak.Realm{Server: "https://login.example.no", Name: "hospital"}
//	client := &keycloak.Client{Realm: realm, ClientID: "app"}
//	rotator := &selfservice.Rotator{Provider: keycloak.JWKS{Client: client}, Store: store}
//
// With an [admin.API] in the Client, an administrator does that for this client
// and for many like it. An administrator authenticates as any client does, here
// with a key of its own and DPoP-bound tokens:
//
//	client.Admin = &admin.API{Realm: realm, Tokens: realm.Tokens(realm.Signer("rotator", key), &dpop.Prover{})}
//
// There is a provider for each kind of credential:
//
//   - [JWKS]: Keycloak stores the keys, old and new side by side. Prefer it.
//   - [JWKSURL]: Keycloak fetches the keys from a URL of yours. A new key
//     changes nothing at Keycloak.
//   - [Secret]: Keycloak makes the secret. It accepts old and new only while a
//     client policy with the executor secret-rotation applies, see
//     [admin.API.PutRotationProfile] and [admin.API.PutPolicy].
//   - [OwnSecret]: the secret is made and saved here first, under the same policy.
//   - [Certificate]: Keycloak stores one certificate. A new one ends the old.
//   - [Client.Registered]: the client has only its registration access token
//     (RFC 7592).
//
// Mutual TLS needs no provider: a renewed certificate with the same subject
// changes nothing at Keycloak, see [admin.API.SetCertificateSubject].
//
// # Clusters
//
// Every node caches keys for itself. A new key signs only after 12 s, when every
// node is able to load it. Nodes that still accept a removed key are made to
// reload ([Client.ReloadKeys]). Where the nodes can be reached directly,
// Realm.Nodes makes both immediate.
//
// # Client policies
//
// Client policies act on every update. FAPI's replace the method and the
// algorithms that an update leaves out, so every update here repeats those of
// the client. They allow one signing algorithm per client ([JWKS.AllowGap]).
// And they enforce what else they demand: tokens bound by DPoP ([Client.DPoP])
// or mutual TLS, and no full scope, so that a client that manages itself needs
// manage-clients in its scope mappings as well.
//
// # Changes by others
//
// What a person changes at the server is reported, not undone: a client that
// was disabled ([admin.ErrDisabled]) or deleted ([admin.ErrNotFound]), or that
// has another method ([admin.ErrMode], see [Client.RestoreMethod]). An
// administrator also sees why a credential is refused, and replaces keys that
// somebody deleted.
//
// Package keycloaktest is a Keycloak to test against without Java. The tests of
// this package run against it and against live servers 26.7.4 and 26.0.8.
package keycloak
