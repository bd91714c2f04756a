package admin

import (
	"context"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"
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

// The client attributes that say where its keys are.
const (
	useJWKSURL    = "use.jwks.url"
	jwksURL       = "jwks.url"
	useJWKSString = "use.jwks.string"
	jwksString    = "jwks.string"
	credential    = "jwt.credential" // prefix of the certificate's

	storedCertificate = credential + ".certificate" // base64 DER
	storedPublicKey   = credential + ".public.key"
)

// The attributes that a rotation policy keeps, times in Unix seconds.
const (
	secretCreated  = "client.secret.creation.time"
	secretExpires  = "client.secret.expiration.time"
	rotatedSecret  = "client.secret.rotated"
	rotatedCreated = "client.secret.rotated.creation.time"
	rotatedExpires = "client.secret.rotated.expiration.time"
)

// Client is what the realm knows about a client, without its secrets.
type Client struct {
	ID                    string            `json:"id"` // the server's own, used in paths
	ClientID              string            `json:"clientId"`
	Enabled               bool              `json:"enabled"`
	Public                bool              `json:"publicClient"`
	BearerOnly            bool              `json:"bearerOnly"`
	ServiceAccount        bool              `json:"serviceAccountsEnabled"`
	AuthorizationServices bool              `json:"authorizationServicesEnabled"`
	FrontchannelLogout    bool              `json:"frontchannelLogout"`
	Method                Method            `json:"clientAuthenticatorType"`
	Attributes            map[string]string `json:"attributes"`
}

// SecretTimes says when a client's secrets were made and when they expire; zero
// means never. Only while a rotation policy applies to the client does Keycloak
// let a main secret expire, and then it refuses the rotated secret as well.
type SecretTimes struct {
	Created, Expires               time.Time // of the main secret
	RotatedCreated, RotatedExpires time.Time // of the one before
}

// SecretTimes returns the times that a rotation policy keeps in the attributes.
func (c *Client) SecretTimes() SecretTimes {
	return SecretTimes{
		Created: c.time(secretCreated), Expires: c.time(secretExpires),
		RotatedCreated: c.time(rotatedCreated), RotatedExpires: c.time(rotatedExpires),
	}
}

func (c *Client) time(attribute string) time.Time {
	s, err := strconv.ParseInt(c.Attributes[attribute], 10, 64)
	if err != nil || s <= 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

// confidential returns an error for clients that have no credentials.
func (c *Client) confidential() error {
	if c.Public || c.BearerOnly {
		return refuse(ErrMode, "it is public or bearer-only")
	}
	return nil
}

// withoutSecrets drops the attributes that hold secrets in clear.
func (c *Client) withoutSecrets() *Client {
	maps.DeleteFunc(c.Attributes, func(name, _ string) bool {
		return name == rotatedSecret || strings.HasSuffix(name, ".private.key") // SAML's too
	})
	return c
}

// FindClient returns the client with the given client_id, or [ErrNotFound].
func (a *API) FindClient(ctx context.Context, clientID string) (*Client, error) {
	var list []*Client
	if err := a.get(ctx, a.realm("clients"), url.Values{"clientId": {clientID}}, &list); err != nil {
		return nil, err
	}
	for _, c := range list {
		if c != nil && c.ClientID == clientID {
			return c.withoutSecrets(), nil
		}
	}
	return nil, refuse(ErrNotFound, "no client with that client_id")
}

// Client returns the client with the given id.
func (a *API) Client(ctx context.Context, id string) (*Client, error) {
	c := new(Client)
	if err := a.get(ctx, a.realm("clients", id), nil, c); err != nil {
		return nil, err
	}
	return c.withoutSecrets(), nil
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
