// Package contract has no code but tests: of everything that packages keycloak
// and admin rely on at a server. Each runs on the fake of package keycloaktest
// and, where KEYCLOAK_URL names one, on a live Keycloak, so that both give the
// same answers. Tests that need no server are beside the code that they test.
package contract
