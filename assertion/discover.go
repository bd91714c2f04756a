package assertion

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Metadata is what this package needs of an authorization server's metadata
// (RFC 8414 §2, OpenID Connect Discovery 1.0 §3).
type Metadata struct {
	Issuer        string `json:"issuer"`
	TokenEndpoint string `json:"token_endpoint"`
	JWKSURI       string `json:"jwks_uri"`
}

// Discover reads the metadata of issuer, which must name itself in it.
func Discover(ctx context.Context, base http.RoundTripper, issuer string) (*Metadata, error) {
	if base == nil {
		base = http.DefaultTransport
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", nil)
	if err != nil {
		return nil, err
	}
	resp, err := base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, &Error{Status: resp.StatusCode}
	}
	var m Metadata
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&m); err != nil {
		return nil, err
	}
	if m.Issuer != issuer {
		return nil, errors.New("assertion: the metadata is of another issuer")
	}
	return &m, nil
}
