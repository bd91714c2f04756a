package dcr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/selfservice/internal/rest"
)

// The rules that a configuration or an answer can break. Every refusal is an
// *[Error] that wraps one of them.
var (
	ErrConfig      = errors.New("incomplete or contradicting configuration")
	ErrNotAdopted  = errors.New("no registration has been adopted")
	ErrAddress     = errors.New("the address is not https") // http is for loopback only
	ErrAccessToken = errors.New("the server does not accept the registration access token")
	ErrRefused     = errors.New("the server refused the request")
	ErrMalformed   = errors.New("malformed answer")
	ErrNotRotated  = errors.New("the server did not make a new secret")
)

// Error says which rule was broken and what the server said (RFC 7591 §3.2.2).
// It never holds a body, a token or a secret.
type Error struct {
	Rule       error
	Detail     string        // in this package's own words
	Status     int           // of the answer; zero: there was none
	Code       string        // "error", when it is one of its characters (RFC 6749 §5.2)
	RetryAfter time.Duration // zero: the server did not say
}

// Error returns rule, detail, status and code.
func (e *Error) Error() string {
	s := "dcr: " + e.Rule.Error()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Status != 0 {
		s += " (" + strconv.Itoa(e.Status)
		if e.Code != "" {
			s += " " + e.Code
		}
		s += ")"
	}
	return s
}

// Unwrap returns the rule.
func (e *Error) Unwrap() error { return e.Rule }

func refuse(rule error, detail string) error { return &Error{Rule: rule, Detail: detail} }

const (
	callTimeout = 30 * time.Second
	maxAnswer   = 1 << 20
)

// send makes one call of the registration's URI. Redirects are not followed.
func (c *Client) send(ctx context.Context, method string, r Registration, body []byte) (answer, error) {
	if err := checkURL(r.URI); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, r.URI, bytes.NewReader(body))
	if err != nil {
		return answer{}, refuse(ErrAddress, "")
	}
	req.Header.Set("Authorization", "Bearer "+r.AccessToken.Reveal())
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	base := c.Base
	if base == nil {
		base = http.DefaultTransport
	}
	resp, err := base.RoundTrip(req)
	if err != nil {
		return answer{}, fmt.Errorf("dcr: %s of the registration: %w", method, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return answer{}, fmt.Errorf("dcr: reading the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return answer{}, refusal(resp, text, rest.Sent(req, "", body))
	}
	a, ok := readAnswer(text)
	if !ok || len(text) > maxAnswer {
		return answer{}, &Error{Rule: ErrMalformed, Status: resp.StatusCode}
	}
	return a, nil
}

func refusal(resp *http.Response, text []byte, sent redact.Values) error {
	e := &Error{Rule: ErrRefused, Status: resp.StatusCode, RetryAfter: rest.RetryAfter(resp.Header)}
	if resp.StatusCode == http.StatusUnauthorized {
		e.Rule = ErrAccessToken
	}
	var body struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(text, &body) == nil && isCode(body.Error) && sent.Line(body.Error, 40) == body.Error {
		e.Code = body.Error
	}
	return e
}

// isCode tells an error code from text that could quote what was sent.
func isCode(s string) bool {
	for _, c := range []byte(s) {
		if c != '_' && (c < 'a' || c > 'z') {
			return false
		}
	}
	return len(s) <= 40
}

func checkURL(raw string) error {
	if _, ok := rest.SafeURL(raw); !ok {
		return refuse(ErrAddress, "")
	}
	return nil
}
