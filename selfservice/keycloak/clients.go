package keycloak

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// Method is how a client proves itself: Keycloak's client authenticators.
type Method string

// The methods that come with Keycloak.
const (
	MethodSecret    Method = "client-secret"     // client_secret_basic and client_secret_post
	MethodSignedJWT Method = "client-jwt"        // private_key_jwt
	MethodSecretJWT Method = "client-secret-jwt" // client_secret_jwt
	MethodX509      Method = "client-x509"       // tls_client_auth
)

// The attributes of a client that say where its keys are.
const (
	useJWKSURL    = "use.jwks.url"
	jwksURL       = "jwks.url"
	useJWKSString = "use.jwks.string"
	jwksString    = "jwks.string"
	credential    = "jwt.credential" // prefix of the certificate's
)

// The attributes that a rotation policy keeps, times in Unix seconds.
const (
	secretCreated  = "client.secret.creation.time"
	secretExpires  = "client.secret.expiration.time"
	rotatedSecret  = "client.secret.rotated"
	rotatedCreated = "client.secret.rotated.creation.time"
	rotatedExpires = "client.secret.rotated.expiration.time"
)

// ClientInfo is what the realm knows of a client, without its secrets.
type ClientInfo struct {
	ID                    string            `json:"id"` // the server's own, which paths take
	ClientID              string            `json:"clientId"`
	Enabled               bool              `json:"enabled"`
	Public                bool              `json:"publicClient"`
	BearerOnly            bool              `json:"bearerOnly"`
	ServiceAccount        bool              `json:"serviceAccountsEnabled"`
	AuthorizationServices bool              `json:"authorizationServicesEnabled"`
	Method                Method            `json:"clientAuthenticatorType"`
	Attributes            map[string]string `json:"attributes"`
	Access                map[string]bool   `json:"access"` // what the caller may do: view, configure, manage
}

// SecretTimes are the times of a client's secrets; zero where there is none.
// Keycloak ends a main secret only while a rotation policy applies to the
// client, and then refuses the rotated one with it.
type SecretTimes struct {
	Created, Expires               time.Time // of the main secret
	RotatedCreated, RotatedExpires time.Time // of the one before
}

// SecretTimes reads the times from the client's attributes.
func (c *ClientInfo) SecretTimes() SecretTimes {
	return SecretTimes{
		Created: c.time(secretCreated), Expires: c.time(secretExpires),
		RotatedCreated: c.time(rotatedCreated), RotatedExpires: c.time(rotatedExpires),
	}
}

func (c *ClientInfo) time(attribute string) time.Time {
	s, err := strconv.ParseInt(c.Attributes[attribute], 10, 64)
	if err != nil || s <= 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

// confidential refuses clients that have no credentials.
func (c *ClientInfo) confidential() error {
	if c.Public || c.BearerOnly {
		return refuse(ErrMode, "it is public or bearer-only")
	}
	return nil
}

// withoutSecrets drops the attributes that hold secrets in clear.
func (c *ClientInfo) withoutSecrets() *ClientInfo {
	maps.DeleteFunc(c.Attributes, func(name, _ string) bool {
		return name == rotatedSecret || strings.HasSuffix(name, ".private.key") // SAML's too
	})
	return c
}

// FindClient returns the client of that client_id, or [ErrNotFound].
func (a *Admin) FindClient(ctx context.Context, clientID string) (*ClientInfo, error) {
	var list []*ClientInfo
	if err := a.get(ctx, a.realm("clients"), url.Values{"clientId": {clientID}}, &list); err != nil {
		return nil, err
	}
	for _, c := range list {
		if c != nil && c.ClientID == clientID {
			return c.withoutSecrets(), nil
		}
	}
	return nil, refuse(ErrNotFound, "no client of that client_id")
}

// Client returns the client of that id.
func (a *Admin) Client(ctx context.Context, id string) (*ClientInfo, error) {
	c := new(ClientInfo)
	if err := a.get(ctx, a.realm("clients", id), nil, c); err != nil {
		return nil, err
	}
	return c.withoutSecrets(), nil
}

// Change is what [Admin.UpdateClient] changes; zero fields stay as they are.
type Change struct {
	Method     Method
	Secret     keys.Secret
	Attributes map[string]string // those named; an empty value removes one
}

// UpdateClient changes parts of a client. A method or a secret for one that is
// public or bearer-only is refused ([ErrMode]). Keys take effect at once: every
// update drops what the server's nodes have cached of the client's keys, and
// an empty Change does only that.
//
// Under a rotation policy an update also starts the clock of a secret that has
// no expiry yet, and replaces one that has expired by a new one of the server's
// choice, whatever the update says; read it afterwards.
func (a *Admin) UpdateClient(ctx context.Context, id string, change Change) error {
	if isMask(change.Secret.Reveal()) || slices.ContainsFunc(slices.Collect(maps.Values(change.Attributes)), isMask) {
		return refuse(ErrMasked, "the mask is not a secret")
	}
	info, err := a.Client(ctx, id)
	if err != nil {
		return err
	}
	return a.update(ctx, info, change)
}

func (a *Admin) update(ctx context.Context, info *ClientInfo, change Change) error {
	if change.Method != "" || !change.Secret.IsZero() {
		if err := info.confidential(); err != nil {
			return err // the server would store it, and go on asking for nothing
		}
	}
	// Without attributes the rotation executor fails where it has a time to
	// write (500). What is not sent stays, but for the authorization services,
	// which that switches off, and before 26.1 the service account, whose user
	// it deletes with all its roles.
	body := map[string]any{"attributes": maps.Clone(change.Attributes)}
	if change.Attributes == nil {
		body["attributes"] = map[string]string{}
	}
	if info.AuthorizationServices {
		body["authorizationServicesEnabled"] = true
	}
	if info.ServiceAccount {
		body["serviceAccountsEnabled"] = true
	}
	if change.Method != "" {
		body["clientAuthenticatorType"] = change.Method
	}
	if !change.Secret.IsZero() {
		body["secret"] = change.Secret.Reveal()
	}
	return a.exchange(ctx, http.MethodPut, a.realm("clients", info.ID), body, nil)
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
