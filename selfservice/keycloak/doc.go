// Package keycloak owns the credentials of confidential clients at Keycloak:
// their keys and certificates, their secrets, the client policy that lets an
// old secret live on beside a new one, and client registration.
//
// Most callers rotate the key of one client, whose service account may manage
// it (role manage-clients of the client realm-management):
//
//	realm := keycloak.Realm{Server: "https://login.example.no", Name: "hospital"}
//	client := &keycloak.Client{Realm: realm, ClientID: "app"}
//	rotator := &selfservice.Rotator{Provider: keycloak.JWKS{Client: client}, Store: store}
//
// With an [Admin] in the Client somebody else manages it, and many like it; that
// one signs in as any client does, with its own key and a DPoP token:
//
//	client.Admin = &keycloak.Admin{Realm: realm, Tokens: realm.Tokens(realm.Signer("rotator", key), &dpop.Prover{})}
//
// What can be rotated without a failed request, and how:
//
//   - [JWKS]: the keys are stored at Keycloak, old and new side by side. The
//     way to prefer.
//   - [JWKSURL]: Keycloak fetches the keys from a URL of yours. Nothing at
//     Keycloak has to change for a new key.
//   - [Secret]: Keycloak makes the secret. Old and new are both accepted only
//     while a client policy with the executor secret-rotation applies, see
//     [Admin.PutRotationProfile] and [Admin.PutPolicy].
//   - [OwnSecret]: the secret is made and saved here first, under the same
//     policy.
//   - [CertificateCut]: Keycloak holds one certificate; a new one ends the old.
//   - [Admin.SetCertificateSubject]: mutual TLS. A renewed certificate of the
//     same subject changes nothing at Keycloak.
//   - [Client.Registered]: the client has no more than its registration access
//     token, for keys, and under a policy for its secret.
//
// A server of several nodes needs nothing of its own: a new key signs when every
// node may know it, 12 s after its registration, and one that was removed is
// ended at the nodes that go on accepting it ([Client.ReloadKeys]). What is
// certain and at once where the nodes can be reached is [Realm].Nodes.
//
// Client policies act in every update. Those of FAPI take a method and algorithms
// that an update does not name for theirs, so that every update here names what
// the client has; they let a client have one signing algorithm ([JWKS].Cut); and
// they turn on what they demand: tokens bound by DPoP ([Client].DPoP) or mutual
// TLS, and no full scope, so that a client that manages itself needs
// manage-clients of realm-management in its scope mappings too.
//
// What people do at the server is told, not undone: a client that is disabled
// ([ErrDisabled]), gone ([ErrNotFound]) or has another method ([ErrMode], see
// [Client].RestoreMethod). An Admin also sees why a credential is refused, and
// makes keys again that somebody has cleared.
//
// The contract was measured on live servers 26.7.4 and 26.0.8, and the tests
// of this package run on both. Package keycloaktest is a Keycloak to test
// against without Java.
package keycloak
