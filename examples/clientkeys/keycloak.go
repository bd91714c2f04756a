package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak"
)

const aboutAdmin = `

The administrator is a client of the realm, or of --AdminRealm, whose service
account may do this (a role of realm-management: view-clients to read clients,
manage-clients to change them, view-realm and manage-realm for policies). It
signs in with the private key in the file of --AdminPrivateJwkPath, or with a
secret in that of --AdminSecretPath or in the environment variable
` + adminVariable + `.`

// adminVariable holds the administrator's secret where no option gives it.
const adminVariable = "CLIENTKEYS_ADMIN_SECRET"

// realm holds the options that say which realm, and who manages it.
type realm struct {
	keycloak.Realm
	adminID, adminRealm     string
	privatePath, secretPath string
	dpop                    bool
}

func (r *realm) declare(o *options) {
	o.requiredURL(&r.Server, "KeycloakUrl", "u", "the server's URL")
	o.required(&r.Name, "Realm", "r", "the realm's name")
	o.text(&r.adminID, "AdminClientId", "ac", "the client id of the administrator")
	o.text(&r.adminRealm, "AdminRealm", "ar", "the administrator's realm (default: that of --Realm)")
	o.text(&r.privatePath, "AdminPrivateJwkPath", "ap", "file that holds the administrator's private key")
	o.text(&r.secretPath, "AdminSecretPath", "asp", "file that holds the administrator's secret (default: "+adminVariable+")")
	o.toggle(&r.dpop, "DPoP", "dpop", "bind admin tokens to a key (Keycloak 26.4 or later)")
}

func (r *realm) admin() (*keycloak.Admin, error) {
	if r.adminID == "" {
		return nil, errors.New("missing --AdminClientId")
	}
	home := r.Realm
	if r.adminRealm != "" {
		home.Name = r.adminRealm
	}
	auth, err := r.authenticator(home)
	if err != nil {
		return nil, err
	}
	var prover *dpop.Prover
	if r.dpop {
		prover = &dpop.Prover{}
	}
	return &keycloak.Admin{Realm: r.Realm, Tokens: adminTokens{home.Tokens(auth, prover), r.adminID}}, nil
}

// adminTokens says whose login failed: two clients are at work here.
type adminTokens struct {
	*assertion.TokenSource
	clientID string
}

func (t adminTokens) BoundToken(ctx context.Context) (string, *keys.Key, error) {
	token, key, err := t.TokenSource.BoundToken(ctx)
	if err != nil {
		err = fmt.Errorf("the administrator %q gets no token: %w", t.clientID, err)
	}
	return token, key, err
}

func (r *realm) authenticator(home keycloak.Realm) (assertion.Authenticator, error) {
	if r.privatePath != "" && r.secretPath != "" {
		return nil, errors.New("give one of --AdminPrivateJwkPath and --AdminSecretPath")
	}
	if r.privatePath != "" {
		data, err := readFile("AdminPrivateJwkPath", r.privatePath)
		if err != nil {
			return nil, err
		}
		key, err := keys.Parse(data, keys.Options{})
		if err != nil {
			return nil, fmt.Errorf("--AdminPrivateJwkPath: %w", err)
		}
		return home.Signer(r.adminID, key), nil
	}
	secret, err := readSecret("AdminSecretPath", r.secretPath, adminVariable)
	if err == nil && secret.IsZero() {
		err = errors.New("missing --AdminPrivateJwkPath, --AdminSecretPath or " + adminVariable)
	}
	return &assertion.Basic{ClientID: r.adminID, Secret: secret}, err
}

// managed holds the options that say which client of a realm.
type managed struct {
	realm
	clientID string
}

func (m *managed) declare(o *options) {
	m.realm.declare(o)
	o.required(&m.clientID, "ClientId", "c", "the client's id")
}

// client returns the administrator and the client.
func (m *managed) client(ctx context.Context) (*keycloak.Admin, *keycloak.ClientInfo, error) {
	admin, err := m.admin()
	if err != nil {
		return nil, nil, err
	}
	info, err := admin.FindClient(ctx, m.clientID)
	return admin, info, err
}
