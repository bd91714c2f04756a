package main

import (
	"context"
	"errors"
	"slices"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

func keycloakCommands() []command {
	return slices.Concat(keycloakRotations(), []command{
		{"keycloak status", clientOptions(), "", onClient(keycloakStatus)},
	}, policyCommands(), []command{
		{"keycloak role create", clientOptions(required(text("ClientRole", "cr", "name of the role"))), "",
			onClient(func(ctx context.Context, in *input, a *admin.API, info *admin.Client) error {
				return a.DefineRole(ctx, info.ID, in.text("ClientRole"))
			})},
		{"keycloak client confidential", clientOptions(toggle("ServiceAccount", "sa", "let the client get tokens of its own")),
			"Make client {ClientId} confidential? Programs that do not authenticate as it will be refused.",
			onClient(func(ctx context.Context, in *input, a *admin.API, info *admin.Client) error {
				return a.UpdateClient(ctx, info.ID, admin.Change{Confidential: true, ServiceAccount: in.on("ServiceAccount")})
			})},
		{"keycloak jwksurl set", clientOptions(required(address("JwksUrl", "j", "where the client's public keys are"))),
			"Let the keys of client {ClientId} be those at {JwksUrl}?",
			onClient(func(ctx context.Context, in *input, a *admin.API, info *admin.Client) error {
				return a.SetJWKSURL(ctx, info.ID, in.text("JwksUrl"))
			})},
		{"keycloak cache clear", realmOptions(), "", onRealm(func(ctx context.Context, _ *input, a *admin.API) error { return a.ClearKeysCache(ctx) })},
	}, secretCommands(), keyCommands())
}

func keycloakSecret() other {
	return other{"AdminSecretPath", "asp", "CLIENTKEYS_ADMIN_SECRET", "secret"}
}

// realmOptions say which realm, and who manages it.
func realmOptions(more ...option) []option {
	return slices.Concat([]option{
		required(address("KeycloakUrl", "u", "the server's URL")),
		required(text("Realm", "r", "the realm's name")),
	}, administratorOptions(keycloakSecret()), []option{
		text("AdminRealm", "ar", "the administrator's realm (default: that of --Realm)"),
		toggle("DPoP", "dpop", "bind admin tokens to a key (Keycloak 26.4 or later)"),
	}, more)
}

// clientOptions say which client of a realm.
func clientOptions(more ...option) []option {
	return realmOptions(append([]option{required(text("ClientId", "c", "the client's id"))}, more...)...)
}

func (in *input) realm() admin.Realm {
	return admin.Realm{Server: in.text("KeycloakUrl"), Name: in.text("Realm")}
}

func (in *input) keycloakAdmin() (*admin.API, error) {
	id, home := in.text("AdminClientId"), in.realm()
	if id == "" {
		return nil, errNoAdmin
	}
	if other := in.text("AdminRealm"); other != "" {
		home.Name = other
	}
	key, secret, err := in.administrator(keycloakSecret())
	if err != nil {
		return nil, err
	}
	var auth assertion.Authenticator = &assertion.Basic{ClientID: id, Secret: secret}
	if key != nil {
		auth = home.Signer(id, key)
	}
	var prover *dpop.Prover
	if in.on("DPoP") {
		prover = &dpop.Prover{}
	}
	return &admin.API{Realm: in.realm(), Tokens: adminTokens{home.Tokens(auth, prover), id}}, nil
}

// onRealm acts as the administrator of a realm.
func onRealm(act func(context.Context, *input, *admin.API) error) action {
	return func(ctx context.Context, in *input) error {
		api, err := in.keycloakAdmin()
		if err != nil {
			return err
		}
		return act(ctx, in, api)
	}
}

// onClient is onRealm for a client.
func onClient(act func(context.Context, *input, *admin.API, *admin.Client) error) action {
	return onRealm(func(ctx context.Context, in *input, api *admin.API) error {
		info, err := api.FindClient(ctx, in.text("ClientId"))
		if err != nil {
			return err
		}
		return act(ctx, in, api, info)
	})
}

func keycloakStatus(ctx context.Context, in *input, api *admin.API, info *admin.Client) error {
	in.result("ClientId: %s", info.ClientID)
	if info.Public || info.BearerOnly {
		in.result("Enabled: %t", info.Enabled)
		in.tell("The client is public or bearer-only: it authenticates in no way.")
		return nil
	}
	in.result("Method: %s\nEnabled: %t", info.Method, info.Enabled)
	switch times := info.SecretTimes(); {
	case info.Method == admin.MethodSecret || info.Method == admin.MethodSecretJWT:
		made := "unknown" // of one that somebody chose
		if !times.Created.IsZero() {
			made = date(times.Created)
		}
		in.result("Secret: made %s expires %s", made, date(times.Expires))
		if !times.RotatedCreated.IsZero() {
			in.result("Rotated: made %s expires %s", date(times.RotatedCreated), date(times.RotatedExpires))
		}
		return nil
	case info.Attributes["use.jwks.url"] == "true" && info.Attributes["jwks.url"] != "":
		in.result("JwksUrl: %s", info.Attributes["jwks.url"])
		return nil
	}
	return in.keycloakKeys(ctx, api, info)
}

// keycloakKeys prints the public keys that are stored for a client.
func (in *input) keycloakKeys(ctx context.Context, api *admin.API, info *admin.Client) error {
	set, err := api.Keys(ctx, info.ID)
	if err == nil {
		for _, key := range set.Keys {
			in.result("Key: %s %s", key.KeyID(), key.Algorithm())
		}
		return nil
	}
	if !errors.Is(err, admin.ErrMode) {
		return err
	}
	switch stored, err := api.StoredKey(ctx, info.ID); {
	case err != nil:
		return err
	case stored.Certificate != nil:
		in.result("Certificate: %s expires %s", certs.KeyID(stored.PublicKey), date(stored.Certificate.NotAfter))
	case stored.PublicKey != nil:
		in.result("PublicKey: %s", certs.KeyID(stored.PublicKey))
	default:
		in.tell("Keycloak has no key for the client.")
	}
	return nil
}
