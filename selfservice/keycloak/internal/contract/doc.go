// Package contract holds only tests. They cover everything that packages keycloak
// and admin expect of a server. Each runs against the fake of package
// keycloaktest and, if KEYCLOAK_URL is set, against a live Keycloak, so that both
// give the same answers. Tests that need no server are next to the code they test.
package contract
