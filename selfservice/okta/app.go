package okta

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/nokkel/nokkel/keys"
)

// Method is a token_endpoint_auth_method, how an app authenticates.
type Method string

// The methods. An app has one at a time, so there is no overlap between a
// secret and a key.
const (
	MethodBasic      Method = "client_secret_basic"
	MethodPost       Method = "client_secret_post"
	MethodSecretJWT  Method = "client_secret_jwt"
	MethodPrivateKey Method = "private_key_jwt"
	MethodNone       Method = "none" // a public client
)

func (m Method) usesSecret() bool {
	return m == MethodBasic || m == MethodPost || m == MethodSecretJWT
}

// App is an app, as far as its credentials are concerned.
type App struct {
	ID       string // "0oa…"
	ClientID string
	Label    string
	Status   string
	Method   Method
	Keys     []Key  // stored at Okta; only [Admin.Keys] has their IDs and dates
	KeysURL  string // "jwks_uri": where Okta fetches the keys; empty: they are stored
	DPoP     bool   // every token request needs a proof

	document object // all that Okta sent
}

// object is a JSON object of which only some members are known here.
type object map[string]json.RawMessage

// member returns the object that is a member; an empty one where there is none.
func (o object) member(name string) (object, error) {
	inner := object{}
	if raw, ok := o[name]; ok && json.Unmarshal(raw, &inner) != nil {
		return nil, refuse(ErrMalformed, "the app")
	}
	if inner == nil { // null
		inner = object{}
	}
	return inner, nil
}

func (o object) set(name string, value any) error {
	raw, err := json.Marshal(value)
	o[name] = raw
	return err
}

// App reads an app.
func (a *Admin) App(ctx context.Context, appID string) (*App, error) {
	path, err := appPath(appID)
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if err := a.call(ctx, http.MethodGet, path, nil, &raw); err != nil {
		return nil, err
	}
	return parseApp(raw)
}

func parseApp(raw []byte) (*App, error) {
	var in struct {
		ID          string `json:"id"`
		Label       string `json:"label"`
		Status      string `json:"status"`
		Credentials struct {
			OAuthClient struct {
				ClientID string `json:"client_id"`
				Method   Method `json:"token_endpoint_auth_method"`
			} `json:"oauthClient"`
		} `json:"credentials"`
		Settings struct {
			OAuthClient struct {
				JWKS    json.RawMessage `json:"jwks"`
				JWKSURI string          `json:"jwks_uri"`
				DPoP    bool            `json:"dpop_bound_access_tokens"`
			} `json:"oauthClient"`
		} `json:"settings"`
	}
	app := new(App)
	if json.Unmarshal(raw, &in) != nil || json.Unmarshal(raw, &app.document) != nil || app.document == nil {
		return nil, refuse(ErrMalformed, "the app")
	}
	client := in.Credentials.OAuthClient
	if client.ClientID == "" {
		return nil, refuse(ErrMethod, "it is not an OAuth client")
	}
	app.ID, app.ClientID, app.Label, app.Status, app.Method = in.ID, client.ClientID, in.Label, in.Status, client.Method
	app.KeysURL, app.DPoP = in.Settings.OAuthClient.JWKSURI, in.Settings.OAuthClient.DPoP
	if len(in.Settings.OAuthClient.JWKS) > 0 && string(in.Settings.OAuthClient.JWKS) != "null" {
		var err error
		if app.Keys, err = parseKeys(in.Settings.OAuthClient.JWKS); err != nil {
			return nil, err
		}
	}
	return app, nil
}

// replace writes the app as it was read, with another authentication. Members
// that this package does not know are sent back unchanged. A client_secret is
// never sent: one from before a rotation would undo that. Keys have the status
// that they have among the stored ones.
func (a *Admin) replace(ctx context.Context, app *App, stored []Key, to Authentication) error {
	document := maps.Clone(app.document)
	for _, name := range []string{"id", "status", "created", "lastUpdated", "_links", "_embedded"} { // the server's own
		delete(document, name)
	}
	credentials, err := document.member("credentials")
	if err != nil {
		return err
	}
	client, err := credentials.member("oauthClient")
	if err != nil {
		return err
	}
	settings, err := document.member("settings")
	if err != nil {
		return err
	}
	oauth, err := settings.member("oauthClient")
	if err != nil {
		return err
	}
	delete(client, "client_secret")
	if err := to.write(client, oauth, stored); err != nil {
		return err
	}
	err = errors.Join(
		credentials.set("oauthClient", client), document.set("credentials", credentials),
		settings.set("oauthClient", oauth), document.set("settings", settings),
	)
	if err != nil {
		return err
	}
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	path, err := appPath(app.ID)
	if err != nil {
		return err
	}
	return a.call(ctx, http.MethodPut, path, body, nil)
}

// write puts the authentication into the two places where an app has it.
func (to Authentication) write(client, oauth object, stored []Key) error {
	if err := client.set("token_endpoint_auth_method", to.Method); err != nil {
		return err
	}
	if to.Method != MethodPrivateKey {
		return nil // the rest stays as it is: not for us to delete
	}
	if to.KeysURL != "" {
		delete(oauth, "jwks")
		return oauth.set("jwks_uri", to.KeysURL)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if raw, ok := oauth["jwks"]; ok && json.Unmarshal(raw, &set) != nil {
		return refuse(ErrMalformed, "the app")
	}
	set.Keys = slices.DeleteFunc(set.Keys, func(raw json.RawMessage) bool {
		var k Key
		return json.Unmarshal(raw, &k) != nil || k.Use != encryption
	})
	for _, k := range to.Keys.Keys {
		body, err := jwk(k, statusOf(k, stored))
		if err != nil {
			return err
		}
		set.Keys = append(set.Keys, body)
	}
	delete(oauth, "jwks_uri")
	return oauth.set("jwks", set)
}

// Authentication is how an app is to authenticate.
type Authentication struct {
	Method  Method
	Keys    keys.Set // with MethodPrivateKey: all the keys that it is to have for signing; they are stored at Okta
	KeysURL string   // with MethodPrivateKey, in place of Keys: Okta fetches them there
}

func (to Authentication) check() error {
	withKeys := len(to.Keys.Keys) > 0 || to.KeysURL != ""
	switch {
	case to.Method == MethodPrivateKey && (len(to.Keys.Keys) > 0) == (to.KeysURL != ""):
		return refuse(ErrConfig, "private_key_jwt takes keys or the URL of a JWKS, one of the two")
	case to.Method == MethodPrivateKey:
		return nil
	case !to.Method.usesSecret() && to.Method != MethodNone:
		return refuse(ErrConfig, "not one of the methods")
	case withKeys:
		return refuse(ErrConfig, "keys for another method than private_key_jwt")
	}
	return nil
}
