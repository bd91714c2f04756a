// Package helseid is a client of HelseID, the login of the Norwegian health
// sector: tokens for its APIs, and the self-service API with which a client
// registers its own new key and reads when its keys expire.
//
// The common case is one call: an http.Client that gets tokens with the
// client's key and proves possession with every request.
//
//	client := &helseid.Client{Environment: helseid.Test, ClientID: id, Scopes: scopes}
//	api := client.HTTPClient(key)
//	resp, err := api.Get("https://api.example.no/patients")
//
// The key may be any keys.Source; given a selfservice.Rotator it changes while
// the program runs.
package helseid

import (
	"net/http"
	"sync"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
)

// Environment is one installation of HelseID and its self-service API.
type Environment struct {
	Authority   string // the issuer's URL
	BaseAddress string // the self-service API's URL
}

// The installations that Norsk helsenett runs.
var (
	Test       = Environment{"https://helseid-sts.test.nhn.no", "https://api.selvbetjening.test.nhn.no"}
	Production = Environment{"https://helseid-sts.nhn.no", "https://api.selvbetjening.nhn.no"}
)

// SelfServiceScope is the scope of the self-service API. The client must have
// been given it by hand, once.
const SelfServiceScope = "nhn:selvbetjening/client"

// Client is a client system at HelseID. Its methods may be called from many
// goroutines; its fields must not change after the first call.
type Client struct {
	Environment Environment
	ClientID    string
	Scopes      []string          // of the APIs that HTTPClient calls
	Base        http.RoundTripper // nil: http.DefaultTransport

	prover dpop.Prover

	mu         sync.Mutex
	discovered *assertion.Metadata
}

// HTTPClient returns a client for the sector's APIs: token, assertion, DPoP,
// nonces and renewal are inside. Keep it; it holds the token.
func (c *Client) HTTPClient(key keys.Source) *http.Client {
	return &http.Client{Transport: &dpop.Transport{Tokens: c.tokens(key, c.Scopes...), Prover: &c.prover, Base: c.Base}}
}
