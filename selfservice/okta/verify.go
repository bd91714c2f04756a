package okta

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/rest"
)

// Verify gets a fresh token with exactly this credential, or has a token
// introspected that does not exist where the app is not granted any: Okta
// answers that only to an app that has proved itself.
func (c *Client) Verify(ctx context.Context, cred selfservice.Credential) error {
	endpoint, scopes := c.TokenEndpoint, c.Scopes
	own := endpoint == "" && cred.Key != nil && c.Admin == nil && len(scopes) == 0
	switch {
	case own:
		endpoint, scopes = c.Org.endpoint(tokenPath), []string{ScopeRead, ScopeManage}
	case endpoint == "" && (cred.Key == nil || len(scopes) == 0): // the org's server takes no secret for this grant
		return rest.Verdict(c.introspect(ctx, c.Org.endpoint(introspectPath), cred))
	case endpoint == "":
		endpoint = c.Org.endpoint(tokenPath)
	}
	tokens := c.tokens(endpoint, cred, scopes)
	_, err := tokens.Token(ctx)
	var token *assertion.Error
	switch {
	case err == nil && own:
		c.mu.Lock()
		c.keep(cred, tokens)
		c.mu.Unlock()
	case errors.Is(err, assertion.ErrTokenType): // a bearer token proves the credential as well
		return nil
	case errors.As(err, &token) && token.Code == "unauthorized_client": // it may not use this grant
		err = c.introspect(ctx, strings.TrimSuffix(endpoint, "/token")+"/introspect", cred)
	case own:
		err = ungranted(err)
	}
	return rest.Verdict(err)
}

// introspect returns nil if the app may introspect tokens as cred.
func (c *Client) introspect(ctx context.Context, endpoint string, cred selfservice.Credential) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	form := strings.NewReader(url.Values{"token": {"none"}, "token_type_hint": {"access_token"}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, form)
	if err != nil {
		return refuse(ErrConfig, "the org's URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	transport := &assertion.Transport{Auth: c.authenticator(endpoint, cred), Endpoint: endpoint, Base: rest.Apart(c.Org.transport())}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return wrap(err)
	}
	defer resp.Body.Close()
	if refused := assertion.ErrorOf(resp); refused != nil {
		return refused
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return wrap(err)
	}
	var answer struct {
		Active *bool `json:"active"` // RFC 7662 §2.2
	}
	if json.Unmarshal(body, &answer) != nil || answer.Active == nil {
		return &assertion.Error{Rule: assertion.ErrMalformed, Status: resp.StatusCode}
	}
	return nil
}
