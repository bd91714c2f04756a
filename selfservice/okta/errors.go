package okta

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/selfservice/rest"
)

// The rules that a call, an answer or an argument can break. Every refusal is
// an *[Error] that wraps one of them. A refused token request is an
// *assertion.Error.
var (
	ErrUnauthorized = errors.New("the token is not accepted")
	ErrScope        = errors.New("the token lacks a scope")
	ErrForbidden    = errors.New("an administrator role is missing")
	ErrFeature      = errors.New("the feature is off in this org")
	ErrNotFound     = errors.New("no such app or credential")
	ErrBusy         = errors.New("the rate limit is reached")
	ErrReadOnly     = errors.New("the org is in read-only mode")
	ErrRefused      = errors.New("the server refused the request") // any other status but 2xx
	ErrMalformed    = errors.New("the server answered with something unexpected")
	ErrTooLarge     = errors.New("the answer is too large")
	ErrConfig       = errors.New("invalid argument") // nothing was sent
	ErrAlgorithm    = errors.New("the key's algorithm is none of RS256, RS384, RS512, ES256, ES384 and ES512")

	// Refusals that Okta reports with the same code. They are told apart by what
	// is registered.
	ErrFull       = errors.New("there is no room for another credential") // 2 secrets or 50 keys
	ErrLastActive = errors.New("it is the only active credential")
	ErrActive     = errors.New("it is active: deactivate it before deleting it")
	ErrInactive   = errors.New("it is registered and inactive: activate it instead")
	ErrKeyID      = errors.New("the kid of a registered key is in the way")
	ErrMethod     = errors.New("the app authenticates in another way")

	ErrUnconfirmed = errors.New("this deletes credentials that were not named")
	ErrLost        = errors.New("the change was lost") // somebody else updated the app at the same time
	ErrUnknown     = errors.New("cannot tell which registered credential this is")
	ErrPublished   = errors.New("the old key is still at the JWKS URL")
)

// Error says which rule was broken and what the server said. It holds no body,
// token, key or secret.
type Error struct {
	Rule        error         // one of the Err values of this package
	Detail      string        // in this package's own words; may be empty
	Status      int           // of the HTTP answer; zero: there was none
	Code        string        // "errorCode", or "error" of WWW-Authenticate (RFC 6750 §3)
	Description string        // "errorSummary" and its causes, or "error_description": one line, at most 300 bytes
	RequestID   string        // X-Okta-Request-Id, for Okta's support
	Wait        time.Duration // how long the server asks to wait; zero: it does not say
}

// Error returns rule, detail and the server's words in one line.
func (e *Error) Error() string {
	s := "okta: " + e.Rule.Error()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Status != 0 {
		s += ": " + strconv.Itoa(e.Status)
	}
	if e.Code != "" {
		s += " " + e.Code
	}
	if e.Description != "" {
		s += ": " + e.Description
	}
	if e.RequestID != "" {
		s += " (request " + e.RequestID + ")"
	}
	return s
}

// Unwrap returns the rule.
func (e *Error) Unwrap() error { return e.Rule }

// RetryAfter returns how long the server asks to wait.
func (e *Error) RetryAfter() time.Duration { return e.Wait }

// refuse returns an error in words of this package, in which the server's may be:
// ids and methods.
func refuse(rule error, detail string) *Error {
	return &Error{Rule: rule, Detail: redact.Line(detail, redact.MaxText)}
}

// because returns the refusal with its meaning, which is known by now.
func (e *Error) because(rule error, detail string) *Error {
	found := *e
	found.Rule, found.Detail = rule, refuse(rule, detail).Detail
	return &found
}

// unexplained is the refusal where the read that was to explain it failed. The
// read's error comes first: errors.As finds how long that asks to wait, which
// the refusal does not say.
func unexplained(refused, read error) error { return errors.Join(read, refused) }

// refusal reads both shapes of a refusal: a body of Okta's own, and an empty
// one with WWW-Authenticate, which is about the token.
func refusal(got *rest.Answer) *Error {
	askToWait(got.Status, got.Header)
	e := &Error{Status: got.Status, Wait: got.RetryAfter(), RequestID: got.Text(got.Header.Get("X-Okta-Request-Id"))}
	var answer struct {
		Code    string `json:"errorCode"`
		Summary string `json:"errorSummary"`
		Causes  []struct {
			Summary string `json:"errorSummary"`
		} `json:"errorCauses"`
	}
	json.Unmarshal([]byte(got.Body.Reveal()), &answer) // a member of another type is skipped, and hides no other
	words := []string{answer.Summary}
	for _, c := range answer.Causes {
		words = append(words, c.Summary)
	}
	e.Code, e.Description = got.Text(answer.Code), got.Text(strings.Join(words, " "))
	scope := ""
	if answer.Code == "" {
		challenge := strings.Join(got.Header.Values("WWW-Authenticate"), ", ")
		e.Code, e.Description = got.Text(parameter(challenge, "error")), got.Text(parameter(challenge, "error_description"))
		scope = got.Text(parameter(challenge, "scope"))
	}
	e.Detail, e.Rule = ruleOf(e.Status, e.Code, scope, got.Header)
	return e
}

// missingRole says what to do about a 403. Okta does not say which role is
// missing.
const missingRole = "assign the role Super Administrator if the app has been granted okta.* scopes, else Application Administrator or a role of your own with the permission to manage apps and their client credentials"

// ruleOf goes by status and code, never by the summary, which may change.
func ruleOf(status int, code, scope string, h http.Header) (detail string, rule error) {
	switch {
	case code == "insufficient_scope":
		if scope != "" {
			return "grant the scope " + scope + " to the service app", ErrScope
		}
		return "", ErrScope
	case code == "E0000015":
		return "", ErrFeature
	case code == "E0000010":
		return "", ErrReadOnly
	case status == http.StatusUnauthorized, code == "invalid_token", code == "invalid_dpop_proof", code == "use_dpop_nonce":
		return "", ErrUnauthorized
	case status == http.StatusForbidden:
		return missingRole, ErrForbidden
	case status == http.StatusNotFound:
		return "", ErrNotFound
	case status == http.StatusTooManyRequests && concurrency(h):
		return "too many requests at once", ErrBusy
	case status == http.StatusTooManyRequests:
		return "", ErrBusy
	}
	return "", ErrRefused
}

// parameter returns a parameter of a challenge (RFC 9110 §11.6.1), whatever its
// scheme; empty where there is none. Quoted strings are not searched.
func parameter(challenge, name string) string {
	for rest := challenge; rest != ""; {
		i := strings.IndexAny(rest, `="`)
		if i < 0 || rest[i] == '"' {
			return ""
		}
		key := strings.TrimSpace(rest[:i])
		key = key[strings.LastIndexAny(key, " ,")+1:]
		var value string
		value, rest = parameterValue(rest[i+1:])
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

func parameterValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ", ")
		if end < 0 {
			return s, ""
		}
		return s[:end], s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:]
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", ""
}
