package assertion

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
	"golang.org/x/oauth2"

	"github.com/nokkel/nokkel/internal/transport"
)

const discoverTimeout = 15 * time.Second

// Metadata is what an authorization server says of itself (RFC 8414 §2, OpenID
// Connect Discovery 1.0 §3), as far as a client needs it. Members that the
// server leaves out are empty.
type Metadata struct {
	Issuer                      string   `json:"issuer"`
	AuthorizationEndpoint       string   `json:"authorization_endpoint"`
	TokenEndpoint               string   `json:"token_endpoint"`
	JWKSURI                     string   `json:"jwks_uri"`
	PAREndpoint                 string   `json:"pushed_authorization_request_endpoint"` // RFC 9126 §5
	DeviceAuthorizationEndpoint string   `json:"device_authorization_endpoint"`         // RFC 8628 §4
	IntrospectionEndpoint       string   `json:"introspection_endpoint"`
	RevocationEndpoint          string   `json:"revocation_endpoint"`
	RegistrationEndpoint        string   `json:"registration_endpoint"`
	UserinfoEndpoint            string   `json:"userinfo_endpoint"`
	GrantTypes                  []string `json:"grant_types_supported"`
	AuthMethods                 []string `json:"token_endpoint_auth_methods_supported"`
	AuthAlgorithms              []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	DPoPAlgorithms              []string `json:"dpop_signing_alg_values_supported"` // RFC 9449 §5.1

	// MTLS has the endpoints for clients with a certificate, where they are
	// others (RFC 8705 §5).
	MTLS struct {
		TokenEndpoint               string `json:"token_endpoint"`
		PAREndpoint                 string `json:"pushed_authorization_request_endpoint"`
		DeviceAuthorizationEndpoint string `json:"device_authorization_endpoint"`
		IntrospectionEndpoint       string `json:"introspection_endpoint"`
		RevocationEndpoint          string `json:"revocation_endpoint"`
	} `json:"mtls_endpoint_aliases"`
}

// Endpoint returns the endpoints in the form of golang.org/x/oauth2, for a
// [Transport] to authenticate at.
func (m *Metadata) Endpoint() oauth2.Endpoint {
	return oauth2.Endpoint{
		AuthURL:       m.AuthorizationEndpoint,
		TokenURL:      m.TokenEndpoint,
		DeviceAuthURL: m.DeviceAuthorizationEndpoint,
		AuthStyle:     oauth2.AuthStyleInParams,
	}
}

// Discover reads the metadata of issuer: first where OpenID Connect puts it
// (issuer/.well-known/openid-configuration), then, if it is not there (a 4xx
// status, or an unrelated page), where RFC 8414 §3.1 does
// (/.well-known/oauth-authorization-server before the issuer's path). The
// metadata is refused unless it names exactly this issuer ([ErrIssuer]), has
// a token endpoint, and all its endpoints are https; http is allowed if the
// issuer itself is http on loopback. Redirects are not followed. An answer
// may have 256 KiB and, with all attempts, take 15 s. A nil base is a copy of
// http.DefaultTransport that takes 256 KiB of response headers.
func Discover(ctx context.Context, base http.RoundTripper, issuer string) (*Metadata, error) {
	u, err := parseEndpoint(issuer)
	if err != nil {
		return nil, err
	}
	if u.RawQuery != "" || u.ForceQuery {
		return nil, refuse(ErrMalformed, "an issuer has no query")
	}
	ctx, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	root, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	m, err := read(ctx, base, root+path+"/.well-known/openid-configuration")
	if notThere(err) {
		other, otherErr := read(ctx, base, root+"/.well-known/oauth-authorization-server"+path)
		if !notThere(otherErr) {
			m, err = other, otherErr
		}
	}
	if err == nil {
		err = m.check(u, issuer)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// notThere reports whether the answer is no metadata, which another place may
// have, and not a failure.
func notThere(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Rule != ErrRefused || e.Status >= 400 && e.Status < 500 && e.Status != http.StatusTooManyRequests
}

// read returns the metadata at an address, of whatever issuer.
func read(ctx context.Context, base http.RoundTripper, address string) (*Metadata, error) {
	body, err := get(ctx, base, address)
	if err != nil {
		return nil, err
	}
	var m *Metadata
	if json.Unmarshal(body, &m) != nil || m == nil {
		return nil, refuse(ErrMalformed, "the metadata is not a valid JSON object")
	}
	return m, nil
}

func get(ctx context.Context, base http.RoundTripper, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, refuse(ErrMalformed, "not the URL of an issuer")
	}
	req.Header.Set("Accept", "application/json")
	resp, err := transport.Of(base).RoundTrip(req) // a RoundTripper follows no redirect
	if err != nil {
		return nil, failed("discovery", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		e := refusal(ErrRefused, resp)
		e.Detail = "reading its metadata"
		return nil, e
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, failed("discovery", err)
	}
	if len(body) > maxAnswer {
		return nil, refuse(ErrTooLarge, "metadata over 256 KiB")
	}
	return body, nil
}

// check refuses the metadata of another issuer, and what would send credentials
// where they must not go.
func (m *Metadata) check(issuer *url.URL, name string) error {
	if m.Issuer != name {
		return refuse(ErrIssuer, "it must match exactly, a trailing slash included")
	}
	if m.TokenEndpoint == "" {
		return refuse(ErrMalformed, "metadata without a token endpoint")
	}
	for _, endpoint := range []string{
		m.AuthorizationEndpoint, m.TokenEndpoint, m.JWKSURI, m.PAREndpoint, m.DeviceAuthorizationEndpoint,
		m.IntrospectionEndpoint, m.RevocationEndpoint, m.RegistrationEndpoint, m.UserinfoEndpoint,
		m.MTLS.TokenEndpoint, m.MTLS.PAREndpoint, m.MTLS.DeviceAuthorizationEndpoint, m.MTLS.IntrospectionEndpoint, m.MTLS.RevocationEndpoint,
	} {
		if endpoint == "" {
			continue
		}
		u, err := parseEndpoint(endpoint)
		if err != nil {
			return err
		}
		// A server on the network must not point into this machine.
		if u.Scheme != "https" && issuer.Scheme == "https" {
			return refuse(ErrInsecure, "")
		}
	}
	return nil
}
