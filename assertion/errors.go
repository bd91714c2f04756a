package assertion

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nokkel/nokkel/internal/retryafter"
)

// The rules that a configuration, a request or an answer can break. Every
// refusal is an *[Error] that wraps one of them, so
// errors.Is(err, assertion.ErrInvalidClient) reports which.
var (
	ErrConfig        = errors.New("incomplete or contradictory configuration")
	ErrClaim         = errors.New("extra claim refused")                        // it would replace a registered one, or is not JSON
	ErrWeakSecret    = errors.New("secret shorter than its algorithm's hash")   // RFC 7518 §3.2
	ErrInsecure      = errors.New("refusing an address that is not https")      // loopback may be http
	ErrOrigin        = errors.New("refusing to authenticate at another origin") // than the token endpoint's
	ErrRedirect      = errors.New("refusing to follow a redirect with credentials")
	ErrTooLarge      = errors.New("too large")
	ErrMalformed     = errors.New("malformed")
	ErrIssuer        = errors.New("metadata of another issuer") // RFC 8414 §3.3
	ErrTokenType     = errors.New("not the token type that was requested")
	ErrInvalidClient = errors.New("the server refused the client's credentials") // invalid_client; unauthorized_client with 401, or with 400 to client_secret_jwt; invalid_request with 401, or that names the kid
	ErrRefused       = errors.New("the server refused the request")              // any other error answer
)

// Error says which rule was broken and, where a server answered, what it said
// (RFC 6749 §5.2). It never holds a body, a token, an assertion or a secret.
type Error struct {
	Rule        error         // one of the Err values of this package
	Detail      string        // in this package's own words; may be empty
	Status      int           // HTTP status of the answer; zero: there was none
	Code        string        // "error"
	Description string        // "error_description": one line, at most 300 bytes, without what looks like a token
	Wait        time.Duration // what the server asks for (Retry-After), at most an hour; zero: it does not say
	ClockBehind time.Duration // this machine's clock against the server's "Date"; negative: ahead; zero: within 5 s or unknown
}

// Error returns rule, detail, the server's words and a hint at a wrong clock
// in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("assertion: ")
	b.WriteString(e.Rule.Error())
	part := func(separator, s string) {
		if s != "" {
			b.WriteString(separator)
			b.WriteString(s)
		}
	}
	part(": ", e.Detail)
	if e.Status != 0 {
		part(": ", strconv.Itoa(e.Status))
		part(" ", e.Code)
		part(": ", e.Description)
	}
	if s := int(e.ClockBehind / time.Second); s > 0 {
		part("; ", "the clock of this machine looks "+strconv.Itoa(s)+" s behind")
	} else if s < 0 {
		part("; ", "the clock of this machine looks "+strconv.Itoa(-s)+" s ahead")
	}
	return b.String()
}

// Unwrap returns the rule.
func (e *Error) Unwrap() error { return e.Rule }

// RetryAfter returns how long the server asks to wait.
func (e *Error) RetryAfter() time.Duration { return e.Wait }

func refuse(rule error, detail string) error { return &Error{Rule: rule, Detail: detail} }

// failure is an error from elsewhere, such as the network's.
type failure struct {
	during string
	err    error
}

func (f *failure) Error() string { return "assertion: " + f.during + ": " + f.err.Error() }

func (f *failure) Unwrap() error { return f.err }

// Timeout is what the *url.Error of an http.Client asks its cause.
func (f *failure) Timeout() bool {
	var cause interface{ Timeout() bool }
	return errors.As(f.err, &cause) && cause.Timeout()
}

// failed says during what err came about, unless this package has said so.
func failed(during string, err error) error {
	var refusal *Error
	var earlier *failure
	if errors.As(err, &refusal) || errors.As(err, &earlier) {
		return err
	}
	return &failure{during, err}
}

// refusal is the *Error of an answer that is not a token (RFC 6749 §5.2).
func (e *serverError) refusal(resp *http.Response) *Error {
	rule := ErrRefused
	if e.credential {
		rule = ErrInvalidClient
	}
	r := refusal(rule, resp)
	r.Code, r.Description = e.Code, e.Description
	return r
}

func refusal(rule error, resp *http.Response) *Error {
	return &Error{Rule: rule, Status: resp.StatusCode, Wait: retryafter.Of(resp.Header), ClockBehind: clockBehind(resp.Header, time.Now())}
}

// clockTolerance: a Date has whole seconds, and an answer takes its time.
const clockTolerance = 5 * time.Second

// clockBehind compares this machine's clock with an answer's Date (RFC 9110
// §6.6.1). It is a hint for a person to read; nothing acts on it.
func clockBehind(h http.Header, now time.Time) time.Duration {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	behind := date.Sub(now).Round(time.Second)
	if behind.Abs() < clockTolerance {
		return 0
	}
	return behind
}
