package assertion

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// fetch asks for one token.
func (s *TokenSource) fetch(ctx context.Context) (*cached, error) {
	c, err := s.request(ctx)
	if err != nil {
		return nil, failed("token request", err)
	}
	return c, nil
}

func (s *TokenSource) request(ctx context.Context) (*cached, error) {
	endpoint, err := s.endpoint(ctx)
	if err != nil {
		return nil, err
	}
	form, err := s.form()
	if err != nil {
		return nil, err
	}
	base := s.Base
	var key *keys.Key
	if s.Prover != nil {
		if key, err = s.proofKey(ctx); err != nil {
			return nil, err
		}
		base = s.Prover.Bind(base, key) // inside: each attempt has a proof of its own
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, refuse(ErrMalformed, "not the URL of an endpoint")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	asked := time.Now()
	resp, e, err := (&Transport{Auth: s.Auth, Endpoint: endpoint, Base: base}).send(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if e != nil {
		return nil, e.refusal(resp)
	}
	a, err := readAnswer(resp)
	if err != nil {
		return nil, err
	}
	if want := tokenType(key); a.typ != want {
		return nil, &Error{Rule: ErrTokenType, Detail: "asked for " + want + ", got " + a.typ, Status: resp.StatusCode}
	}
	return plan(s.token(a, key, asked), asked, a.lifetime), nil
}

// token counts the lifetime from before the request, when the server cannot
// have begun to.
func (s *TokenSource) token(a answer, key *keys.Key, asked time.Time) *Token {
	t := &Token{AccessToken: keys.NewSecret(a.token), Type: a.typ, Scopes: slices.Clone(s.Scopes), Key: key, answer: keys.NewSecret(a.body)}
	if a.scope != nil {
		t.Scopes = strings.Fields(*a.scope)
	}
	if a.lifetime > 0 {
		t.Expiry = asked.Add(a.lifetime).Round(0)
	}
	return t
}

func (s *TokenSource) endpoint(ctx context.Context) (string, error) {
	if s.Endpoint != "" || s.Discover == nil {
		return s.Endpoint, nil
	}
	m, err := s.Discover(ctx)
	if err != nil {
		return "", err
	}
	if _, mutual := s.Auth.(*MutualTLS); mutual {
		return cmp.Or(m.MTLS.TokenEndpoint, m.TokenEndpoint), nil
	}
	return m.TokenEndpoint, nil
}

func (s *TokenSource) proofKey(ctx context.Context) (*keys.Key, error) {
	if s.DPoPKey != nil {
		return signingKey(ctx, s.DPoPKey)
	}
	return keys.Generate(keys.ES256)
}

func tokenType(key *keys.Key) string {
	if key != nil {
		return "DPoP"
	}
	return "Bearer"
}

func (s *TokenSource) form() (url.Values, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(s.Scopes) > 0 {
		form.Set("scope", strings.Join(s.Scopes, " "))
	}
	for name, values := range s.Params {
		switch name {
		case "grant_type", "scope", "client_id", "client_secret", "client_assertion", "client_assertion_type":
			return nil, refuse(ErrConfig, "Params names "+name)
		}
		form[name] = slices.Clone(values)
	}
	return form, nil
}
