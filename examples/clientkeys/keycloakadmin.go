package main

import (
	"context"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
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
	administrator
	adminRealm string
	dpop       bool
}

func (r *realm) declare(o *options) {
	o.requiredURL(&r.Server, "KeycloakUrl", "u", "the server's URL")
	o.required(&r.Name, "Realm", "r", "the realm's name")
	r.administrator.declare(o, credentialFile{option: "AdminSecretPath", variable: adminVariable}, "asp", "the administrator's secret")
	o.text(&r.adminRealm, "AdminRealm", "ar", "the administrator's realm (default: that of --Realm)")
	o.toggle(&r.dpop, "DPoP", "dpop", "bind admin tokens to a key (Keycloak 26.4 or later)")
}

func (r *realm) admin() (*admin.API, error) {
	if r.adminID == "" {
		return nil, errNoAdmin
	}
	home := r.Realm
	if r.adminRealm != "" {
		home.Name = r.adminRealm
	}
	key, secret, err := r.credential()
	if err != nil {
		return nil, err
	}
	var auth assertion.Authenticator = &assertion.Basic{ClientID: r.adminID, Secret: secret}
	if key != nil {
		auth = home.Signer(r.adminID, key)
	}
	var prover *dpop.Prover
	if r.dpop {
		prover = &dpop.Prover{}
	}
	return &admin.API{Realm: r.Realm, Tokens: adminTokens{home.Tokens(auth, prover), r.adminID}}, nil
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

// client is the client's id.
func (m *managed) client() string { return m.clientID }

// find returns the administrator and the client.
func (m *managed) find(ctx context.Context) (*admin.API, *admin.Client, error) {
	api, err := m.admin()
	if err != nil {
		return nil, nil, err
	}
	info, err := api.FindClient(ctx, m.clientID)
	return api, info, err
}
