package assertion

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// Prover makes requests that prove possession of key; a *dpop.Prover is one.
type Prover interface {
	Bind(base http.RoundTripper, key *keys.Key) http.RoundTripper
}

// Token is an access token and the key that it is bound to.
type Token struct {
	AccessToken keys.Secret
	Type        string    // "Bearer" or "DPoP"
	Expiry      time.Time // zero: the server did not say
	Key         *keys.Key // the DPoP key; nil for a bearer token
}

// TokenSource gets access tokens with the client-credentials grant (RFC 6749
// §4.4) and keeps the last one.
type TokenSource struct {
	Endpoint string                                       // the token endpoint's URL
	Discover func(ctx context.Context) (*Metadata, error) // used when Endpoint is empty
	Auth     Authenticator                                // who asks
	Scopes   []string
	Prover   Prover            // nil: bearer tokens; else tokens bound to a DPoP key
	DPoPKey  keys.Source       // the key for the next token; nil: a new ES256 key for each token
	Base     http.RoundTripper // nil: http.DefaultTransport

	mu    sync.Mutex
	token *Token
}

// Token returns a token that is still good.
func (s *TokenSource) Token(ctx context.Context) (*Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != nil && time.Until(s.token.Expiry) > 10*time.Second {
		return s.token, nil
	}
	t, err := s.fetch(ctx)
	if err == nil {
		s.token = t
	}
	return t, err
}

// BoundToken returns the token and its key, as dpop.Transport asks for them.
func (s *TokenSource) BoundToken(ctx context.Context) (string, *keys.Key, error) {
	t, err := s.Token(ctx)
	if err != nil {
		return "", nil, err
	}
	return t.AccessToken.Reveal(), t.Key, nil
}

func (s *TokenSource) fetch(ctx context.Context) (*Token, error) {
	var key *keys.Key
	var err error
	var rt http.RoundTripper = &Transport{Auth: s.Auth, Base: s.Base}
	if s.Prover != nil {
		if s.DPoPKey != nil {
			key, err = s.DPoPKey.SigningKey(ctx)
		} else {
			key, err = keys.Generate(keys.ES256)
		}
		if err != nil {
			return nil, err
		}
		rt = s.Prover.Bind(rt, key)
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(s.Scopes) > 0 {
		form.Set("scope", strings.Join(s.Scopes, " "))
	}
	endpoint := s.Endpoint
	if endpoint == "" {
		m, err := s.Discover(ctx)
		if err != nil {
			return nil, err
		}
		endpoint = m.TokenEndpoint
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int64  `json:"expires_in"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	err = json.Unmarshal(body, &answer)
	if resp.StatusCode/100 != 2 || err != nil || answer.AccessToken == "" {
		return nil, &Error{Status: resp.StatusCode, Code: answer.Error, Description: answer.Description}
	}
	return &Token{
		AccessToken: keys.NewSecret(answer.AccessToken),
		Type:        answer.TokenType,
		Expiry:      time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second),
		Key:         key,
	}, nil
}
