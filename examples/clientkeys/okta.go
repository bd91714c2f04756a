package main

import (
	"context"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
)

// tokenVariable holds the administrator's API token where no option gives it.
const tokenVariable = "CLIENTKEYS_ADMIN_TOKEN"

func oktaCommands() []command {
	return slices.Concat(rotating("okta", oktaProvider, appOptions(
		text("ClientId", "c", "the app's client id (default: that of --AppId)"),
		address("TokenUrl", "t", "token endpoint of a custom authorization server, to try a credential at (default: the org's own)"),
		text("Scopes", "", "scopes to try a credential with, separated by spaces (default: it is tried by an introspection)"),
		toggle("MakeRoom", "", "delete an inactive secret where both places are taken"),
		existingSecret(),
	)...), []command{
		{"okta status", appOptions(), "", onApp(oktaStatus)},
	}, oktaCredentialCommands())
}

func oktaToken() other { return other{"AdminTokenPath", "atp", tokenVariable, "API token"} }

// appOptions say which app of an org, and who manages it.
func appOptions(more ...option) []option {
	return slices.Concat([]option{
		required(address("OktaUrl", "u", "the org's URL, like https://acme.okta.com, not the one with -admin")),
		required(text("AppId", "app", "the app's id, 0oa...")),
	}, administratorOptions(oktaToken()), []option{toggle("Bearer", "", "for apps whose tokens are not bound to a DPoP key")}, more)
}

func (in *input) org() okta.Org { return okta.Org{URL: in.text("OktaUrl")} }

func (in *input) oktaAdmin() (*okta.Admin, error) {
	key, token, err := in.administrator(oktaToken())
	id, org := in.text("AdminClientId"), in.org()
	switch {
	case err != nil:
		return nil, err
	case key == nil:
		return &okta.Admin{Org: org, APIToken: token}, nil
	case id == "":
		return nil, errNoAdmin
	}
	prover := &dpop.Prover{}
	if in.on("Bearer") {
		prover = nil
	}
	return &okta.Admin{Org: org, Tokens: adminTokens{org.Tokens(org.Signer(id, key), prover), id}}, nil
}

// onApp acts as the administrator of an app.
func onApp(act func(ctx context.Context, in *input, admin *okta.Admin, appID string) error) action {
	return func(ctx context.Context, in *input) error {
		admin, err := in.oktaAdmin()
		if err != nil {
			return err
		}
		return act(ctx, in, admin, in.text("AppId"))
	}
}

func oktaProvider(in *input, ofKeys bool) (selfservice.Provider, error) {
	client := &okta.Client{
		Org: in.org(), AppID: in.text("AppId"), ClientID: in.text("ClientId"),
		TokenEndpoint: in.text("TokenUrl"), Scopes: strings.Fields(in.text("Scopes")), Bearer: in.on("Bearer"),
	}
	if in.administered(oktaToken()) {
		var err error
		if client.Admin, err = in.oktaAdmin(); err != nil {
			return nil, err
		}
	}
	if ofKeys {
		return okta.JWKS{Client: client}, nil
	}
	return okta.Secrets{Client: client, Yield: func(_ context.Context, s okta.Secret) bool {
		return in.on("MakeRoom") && s.Status == okta.Inactive
	}}, nil
}

func oktaStatus(ctx context.Context, in *input, admin *okta.Admin, appID string) error {
	app, err := admin.App(ctx, appID)
	if err != nil {
		return err
	}
	in.result("AppId: %s\nClientId: %s\nLabel: %s\nMethod: %s\nEnabled: %t", app.ID, app.ClientID, app.Label, app.Method, app.Status == string(okta.Active))
	switch {
	case app.KeysURL != "":
		in.result("JwksUrl: %s", app.KeysURL)
		return nil
	case app.Method == okta.MethodPrivateKey:
		return oktaKeys(ctx, in, admin, appID)
	case app.Method == okta.MethodNone:
		in.tell("The app is public: it authenticates in no way.")
		return nil
	}
	return oktaSecrets(ctx, in, admin, appID)
}
