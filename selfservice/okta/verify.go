package okta

import (
	"context"
	"errors"
	"strings"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/selfservice"
	internal "github.com/nokkel/nokkel/selfservice/internal/rest"
)

// Verify gets a fresh token with exactly this credential. For an app that is
// not granted any, it introspects a nonexistent token instead, which Okta
// answers only after the app has authenticated.
func (c *Client) Verify(ctx context.Context, cred selfservice.Credential) error {
	endpoint, scopes := c.TokenEndpoint, c.Scopes
	own := endpoint == "" && cred.Key != nil && c.Admin == nil && len(scopes) == 0
	switch {
	case own:
		endpoint, scopes = c.Org.endpoint(tokenPath), []string{ScopeRead, ScopeManage}
	case endpoint == "" && (cred.Key == nil || len(scopes) == 0): // the org's server takes no secret for this grant
		return internal.Verdict(c.introspect(ctx, c.Org.endpoint(introspectPath), cred))
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
	return internal.Verdict(err)
}

// introspect returns nil if the app may introspect tokens as cred.
func (c *Client) introspect(ctx context.Context, endpoint string, cred selfservice.Credential) error {
	if _, ok := internal.SafeURL(endpoint); !ok {
		return refuse(ErrConfig, "the org's URL")
	}
	if err := internal.Introspect(ctx, internal.Apart(c.Org.transport()), c.authenticator(endpoint, cred), endpoint); err != nil {
		return internal.Wrap("okta", err)
	}
	return nil
}
