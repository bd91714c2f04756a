package access

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
)

const maxAnswer = 64 << 10 // bytes of an introspection answer

func isInvalid(err error) bool { return errors.Is(err, dpop.ErrInvalidToken) }

// introspect asks for one token (RFC 7662 §2.1).
func (i *Introspector) introspect(ctx context.Context, token string, now time.Time) (*dpop.Token, error) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, refuse(ErrConfig, "Endpoint is not an https URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := (&assertion.Transport{Auth: i.Auth, Endpoint: i.Endpoint, Base: i.Base}).RoundTrip(req)
	if err != nil {
		return nil, unavailable("introspection", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, unavailable("introspection", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, unavailable("introspection: status "+strconv.Itoa(resp.StatusCode)+errorCode(body), nil)
	}
	if len(body) > maxAnswer {
		return nil, unavailable("introspection: an answer over 64 KiB", nil)
	}
	return i.read(body, now)
}

// read reads an answer (RFC 7662 §2.2). One that is not well formed says nothing
// of the token.
func (i *Introspector) read(body []byte, now time.Time) (*dpop.Token, error) {
	c := readClaims(body)
	if c == nil {
		return nil, unavailable("introspection: the answer is not one JSON object with each member once", nil)
	}
	switch string(c.members["active"]) {
	case "true":
	case "false":
		return nil, refuse(ErrInactive, "")
	default:
		return nil, unavailable("introspection: active is neither true nor false", nil)
	}
	t := c.token(body, now, leeway(i.Leeway))
	if i.Issuer != "" {
		if t.Issuer != "" && t.Issuer != i.Issuer {
			c.fail(ErrIssuer, "")
		}
		t.Issuer = i.Issuer
	}
	if len(i.Audiences) > 0 && !slices.ContainsFunc(t.Audience, func(a string) bool { return slices.Contains(i.Audiences, a) }) {
		c.fail(ErrAudience, "")
	}
	if c.err != nil {
		return nil, c.err
	}
	return t, nil
}

// errorCode returns " code" of an error answer, from which the Transport has
// taken what was sent.
func errorCode(body []byte) string {
	var e struct {
		Code string `json:"error"`
	}
	if json.Unmarshal(body, &e) != nil || e.Code == "" {
		return ""
	}
	return " " + e.Code
}
