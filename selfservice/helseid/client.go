// Package helseid is a client of HelseID, the login of the Norwegian health
// sector: tokens for its APIs, and the self-service API with which a client
// registers its own new key and learns when its keys expire.
//
// The common case is one call: an http.Client that gets tokens with the
// client's key and proves possession with every request.
//
//	client := &helseid.Client{Environment: helseid.Test, ClientID: id, Scopes: scopes}
//	api := client.HTTPClient(key)
//	resp, err := api.Get("https://api.example.no/patients")
//
// The key may be any keys.Source; given a selfservice.Rotator it changes while
// the program runs. A token obtained with an earlier key is used until it
// expires, with the DPoP key that it is bound to.
//
// A client that may use the scope [SelfServiceScope] renews its own key with
// [Client.UpdateClientSecret] and verifies the new one with [Client.VerifyKey].
// Store the new private key durably before registering it: HelseID does not
// promise to keep accepting the old one.
//
// Nor does it promise to stop: it has no call that removes a key. What a
// selfservice.Rotator has retired works until it expires at HelseID, and a key that
// was registered by hand may have no expiry. After a leak rotate first, and then
// have a person remove the old key in the self-service portal. [Client.VerifyKey]
// with the old key tells whether that is done, [Client.ClientSecrets] what is
// registered.
//
// Package helseidtest is a fake HelseID to test against.
package helseid

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
)

// Environment is one installation of HelseID and its self-service API.
type Environment struct {
	Authority   string // the issuer's URL, exactly as its metadata spells it
	BaseAddress string // the self-service API's URL, with or without a slash at its end
}

// The installations that Norsk helsenett runs.
var (
	Test       = Environment{"https://helseid-sts.test.nhn.no", "https://api.selvbetjening.test.nhn.no"}
	Production = Environment{"https://helseid-sts.nhn.no", "https://api.selvbetjening.nhn.no"}
)

// SelfServiceScope is the scope of the self-service API. A person must grant it
// to the client, once.
const SelfServiceScope = "nhn:selvbetjening/client"

// callTimeout bounds a call of the self-service API, and of HTTPClient unless
// its Timeout is changed.
const callTimeout = 30 * time.Second

// Client is a client at HelseID. Its methods may be called from many
// goroutines; its fields must not change after the first call.
type Client struct {
	Environment Environment
	ClientID    string
	Scopes      []string          // of the APIs that HTTPClient calls
	DPoPKey     keys.Source       // the key to bind the next token to; nil: a new ES256 key for each token
	Base        http.RoundTripper // nil: copies of http.DefaultTransport, see dpop.Prover.Bind for that of APIs

	tokens selfServiceTokens
	own    learned
	shared *learned // of the Client that For was called on
}

// learned is what the clients of all client IDs share about the servers.
type learned struct {
	prover   dpop.Prover
	metadata metadata
}

// For returns a client of another id in the same environment. It shares what is
// known of the servers (token endpoint, nonces), which saves requests in a
// program that owns many clients.
func (c *Client) For(clientID string, scopes ...string) *Client {
	return &Client{Environment: c.Environment, ClientID: clientID, Scopes: scopes, DPoPKey: c.DPoPKey, Base: c.Base, shared: c.learned()}
}

// check names the field of an Environment without which there is no token.
func (c *Client) check() error {
	switch {
	case c.Environment == Environment{}:
		return &Error{Rule: ErrConfig, Detail: "Environment is not set: Test, Production, or one of your own"}
	case c.Environment.Authority == "":
		return &Error{Rule: ErrConfig, Detail: "Environment.Authority is empty"}
	}
	return nil
}

// Format prints client id and authority for every verb, and no tokens or
// nonces.
func (c *Client) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "HelseID client %q at %s", c.ClientID, c.Environment.Authority)
}

func (c *Client) learned() *learned {
	if c.shared != nil {
		return c.shared
	}
	return &c.own
}

// HTTPClient returns a client for the sector's APIs: it takes care of tokens,
// assertions, DPoP, nonces and renewal. Keep it, since it holds the token. A
// multi-tenant client has one for each organisation that it acts for; see
// [MultiTenant].
//
// A call may take 30 s, including reading its body; set Timeout for another
// limit. Redirects are not followed.
func (c *Client) HTTPClient(key keys.Source, details ...Detail) *http.Client {
	return &http.Client{
		Transport:     &dpop.Transport{Tokens: c.Tokens(key, details...), Prover: &c.learned().prover, Base: c.Base},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       callTimeout,
	}
}

// Tokens returns a source of DPoP tokens with the client's Scopes, for callers
// who need the token itself or its [RejectedScopes]. Details that are not well
// formed make its first token request fail with [ErrDetail].
func (c *Client) Tokens(key keys.Source, details ...Detail) *assertion.TokenSource {
	return c.source(key, c.Scopes, details)
}

// source returns a new source of tokens, got with key.
func (c *Client) source(key keys.Source, scopes []string, details []Detail) *assertion.TokenSource {
	signer := &assertion.Signer{ClientID: c.ClientID, Audience: c.Environment.Authority, Key: key}
	s := &assertion.TokenSource{
		Discover: c.discover,
		Auth:     signer,
		Scopes:   scopes,
		Prover:   &c.learned().prover,
		DPoPKey:  c.DPoPKey,
		Base:     c.Base,
	}
	claim, err := detailsClaim(details)
	if c.ClientID == "" {
		s.Discover = func(context.Context) (*assertion.Metadata, error) {
			return nil, &Error{Rule: ErrConfig, Detail: "ClientID is empty"}
		}
	}
	switch {
	case err != nil:
		s.Auth = failing{err}
	case claim != nil:
		signer.Claims = map[string]any{"assertion_details": claim}
	}
	return s
}
