// Package admin is a typed client of Keycloak's Admin REST API, as far as the
// credentials of confidential clients go: secrets, keys, certificates and
// keystores, the client policies that rotate secrets, and registration access
// tokens.
//
//	realm := admin.Realm{Server: "https://login.example.no", Name: "hospital"}
//	api := &admin.API{Realm: realm, Tokens: realm.Tokens(realm.Signer("rotator", key), &dpop.Prover{})}
//	client, err := api.FindClient(ctx, "app")
//
// The tokens come from a client of the realm, or of the realm master, whose
// service account has roles of the client realm-management: view-clients to
// read clients and their secrets, manage-clients to change them, view-realm and
// manage-realm to read and to change client policies.
//
// To rotate credentials use package keycloak, which does so through this one.
package admin
