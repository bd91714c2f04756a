package helseid

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
)

// ClientSecret is one key that is registered for the client; HelseID calls
// public keys client secrets.
type ClientSecret struct {
	KeyID      string    `json:"kid"`
	Thumbprint string    `json:"jwkThumbprint"` // RFC 7638
	Expiration time.Time `json:"expiration"`    // zero: never
	Origin     string    `json:"origin"`        // "Api" or "Gui"
}

// UpdateClientSecret registers a new public key, authenticated by one that is
// registered, and returns when the new one expires; zero: never.
func (c *Client) UpdateClientSecret(ctx context.Context, as keys.Source, next *keys.PublicKey) (time.Time, error) {
	var answer struct {
		Expiration time.Time `json:"expiration"`
	}
	err := c.call(ctx, as, http.MethodPost, next.JWK(), &answer)
	return answer.Expiration, err
}

// ClientSecrets lists the keys that are registered for the client.
func (c *Client) ClientSecrets(ctx context.Context, as keys.Source) ([]ClientSecret, error) {
	var list []ClientSecret
	err := c.call(ctx, as, http.MethodGet, nil, &list)
	return list, err
}

func (c *Client) call(ctx context.Context, as keys.Source, method string, body []byte, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.Environment.BaseAddress+"/v1/client-secret", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	rt := &dpop.Transport{Tokens: c.tokens(as, SelfServiceScope), Prover: &c.prover, Base: c.Base}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return &Error{Status: resp.StatusCode}
	}
	return json.Unmarshal(b, answer)
}

// Error is a refusal of the self-service API.
type Error struct {
	Status int
}

// Error returns the status.
func (e *Error) Error() string { return "helseid: the server answered " + strconv.Itoa(e.Status) }
