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

// adminVariable holds the administrator's secret where no option gives it.
const adminVariable = "CLIENTKEYS_ADMIN_SECRET"

// realm holds the options that say which realm, and who manages it.
type realm struct {
	keycloak.Realm
	adminID, adminRealm string
	key                 given
	secretPath          string
	dpop                bool
}

func (r *realm) declare(o *options) {
	r.key.name = "AdminPrivateJwk"
	o.requiredURL(&r.Server, "KeycloakUrl", "u", "the server's URL")
	o.required(&r.Name, "Realm", "r", "the realm's name")
	o.text(&r.adminID, "AdminClientId", "ac", "the client id of the administrator")
	o.text(&r.adminRealm, "AdminRealm", "ar", "the administrator's realm (default: that of --Realm)")
	o.path(&r.key.file, "AdminPrivateJwkPath", "ap", "file that holds the administrator's private key: JWK, PEM or a keystore")
	o.path(&r.key.passwordPath, "AdminPrivateJwkPasswordPath", "", "file that holds the password, if that is a keystore (default: "+passwordVariable+")")
	o.path(&r.secretPath, "AdminSecretPath", "asp", "file that holds the administrator's secret (default: "+adminVariable+")")
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
	if r.key.file != "" && r.secretPath != "" {
		return nil, errors.New("give one of --AdminPrivateJwkPath and --AdminSecretPath")
	}
	if r.key.file != "" {
		key, err := r.key.private(nil)
		if err != nil {
			return nil, err
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

// client is the client's id.
func (m *managed) client() string { return m.clientID }

// find returns the administrator and the client.
func (m *managed) find(ctx context.Context) (*keycloak.Admin, *keycloak.ClientInfo, error) {
	admin, err := m.admin()
	if err != nil {
		return nil, nil, err
	}
	info, err := admin.FindClient(ctx, m.clientID)
	return admin, info, err
}
