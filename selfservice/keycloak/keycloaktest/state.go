package keycloaktest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"strconv"
	"time"
)

type realm struct {
	name     string
	clients  map[string]*client // by id
	cache    map[place]*cached  // of keys
	profiles []json.RawMessage
	policies []json.RawMessage
	issuer   *issuer // nil until it is needed
}

type client struct {
	id, clientID   string
	enabled        bool
	public, bearer bool
	serviceAccount bool
	authorization  bool
	consent        bool
	fullScope      bool            // its tokens carry every role of the service account
	scope          map[string]bool // otherwise only those of these
	method         string
	secret         string
	attributes     map[string]string
	defined        []string            // roles that the client defines
	roles          map[string]bool     // roles that its service account has
	access         string              // registration access token
	audiences      []string            // of its audience mappers
	optional       map[string][]string // its own optional client scopes, and the audiences of their mappers
}

// token is an issued access token.
type token struct {
	realm   *realm
	client  *client
	jkt     string // thumbprint of the DPoP key; empty: bearer
	scope   string
	claims  map[string]any
	expires time.Time
}

const tokenLifetime = time.Minute

// hash stands for an access token, so that a Server that is printed tells none.
type hash [sha256.Size]byte

func hashOf(token string) hash { return sha256.Sum256([]byte(token)) }

func (r *realm) add(clientID string) *client {
	c := &client{
		id: rand.Text(), clientID: clientID, enabled: true, method: "client-secret", fullScope: true,
		attributes: map[string]string{}, roles: map[string]bool{}, scope: map[string]bool{}, optional: map[string][]string{},
	}
	r.clients[c.id] = c
	return c
}

func (r *realm) byClientID(clientID string) *client {
	for _, c := range r.clients {
		if c.clientID == clientID {
			return c
		}
	}
	return nil
}

// representation is a client in the Admin API. A nil pointer stands for what was
// not sent.
type representation struct {
	ID             string             `json:"id,omitempty"`
	ClientID       *string            `json:"clientId,omitempty"`
	Enabled        *bool              `json:"enabled,omitempty"`
	Public         *bool              `json:"publicClient,omitempty"`
	Bearer         *bool              `json:"bearerOnly,omitempty"`
	ServiceAccount *bool              `json:"serviceAccountsEnabled,omitempty"`
	Authorization  *bool              `json:"authorizationServicesEnabled,omitempty"`
	Consent        *bool              `json:"consentRequired,omitempty"`
	FullScope      *bool              `json:"fullScopeAllowed,omitempty"`
	Method         *string            `json:"clientAuthenticatorType,omitempty"`
	Secret         *string            `json:"secret,omitempty"`
	Attributes     map[string]*string `json:"attributes"`
	Access         map[string]bool    `json:"access,omitempty"`
}

func (c *client) representation() representation {
	r := representation{
		ID: c.id, ClientID: &c.clientID, Enabled: &c.enabled, Public: &c.public, Bearer: &c.bearer,
		ServiceAccount: &c.serviceAccount, Consent: &c.consent, FullScope: &c.fullScope, Method: &c.method, Attributes: map[string]*string{},
		Access: map[string]bool{"view": true, "configure": true, "manage": true},
	}
	if c.authorization {
		r.Authorization = &c.authorization
	}
	if c.secret != "" && !c.public {
		r.Secret = &c.secret
	}
	for name, value := range maps.Clone(c.attributes) {
		r.Attributes[name] = &value
	}
	return r
}

// apply merges an update: what was not sent stays, except authorization services.
func (c *client) apply(r representation) {
	set := func(to, from *bool) {
		if from != nil {
			*to = *from
		}
	}
	text := func(to, from *string) {
		if from != nil {
			*to = *from
		}
	}
	text(&c.clientID, r.ClientID)
	text(&c.method, r.Method)
	text(&c.secret, r.Secret)
	set(&c.enabled, r.Enabled)
	set(&c.public, r.Public)
	set(&c.bearer, r.Bearer)
	set(&c.serviceAccount, r.ServiceAccount)
	set(&c.consent, r.Consent)
	set(&c.fullScope, r.FullScope)
	c.authorization = r.Authorization != nil && *r.Authorization
	for name, value := range r.Attributes {
		if value == nil || *value == "" {
			delete(c.attributes, name)
		} else {
			c.attributes[name] = *value
		}
	}
}

func (c *client) time(attribute string) (time.Time, bool) {
	s, err := strconv.ParseInt(c.attributes[attribute], 10, 64)
	return time.Unix(s, 0), err == nil
}

func (c *client) setTime(attribute string, t time.Time) {
	c.attributes[attribute] = strconv.FormatInt(t.Unix(), 10)
}
