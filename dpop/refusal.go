package dpop

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// What a request can break at a [Middleware], beside the rules of its proof. An
// error of its Tokens, or [ErrInvalidToken], says what is wrong with the token.
var (
	ErrUnauthenticated = errors.New("no access token of an accepted scheme")
	ErrRequest         = errors.New("the request is malformed")                         // invalid_request: two of a header, two methods, no token after its scheme
	ErrScope           = errors.New("the access token lacks a scope")                   // insufficient_scope
	ErrHost            = errors.New("the request is for another host")                  // than one of Hosts
	ErrForwarded       = errors.New("a trusted proxy's forwarding header is malformed") // two values of a header, or no scheme and host
)

// errorInsufficientScope and errorInvalidRequest are of RFC 6750 §3.1.
const errorInsufficientScope = "insufficient_scope"

// refusedAs returns the status of the answer and the "error" of its challenge;
// an empty one is none.
func refusedAs(err error) (status int, code string) {
	var proof *ProofError
	switch {
	case errors.As(err, &proof):
		return http.StatusUnauthorized, proof.Code()
	case errors.Is(err, ErrInvalidToken):
		return http.StatusUnauthorized, errorInvalidToken
	case errors.Is(err, ErrUnauthenticated):
		return http.StatusUnauthorized, ""
	case errors.Is(err, ErrScope):
		return http.StatusForbidden, errorInsufficientScope
	case errors.Is(err, ErrRequest), errors.Is(err, ErrForwarded):
		return http.StatusBadRequest, errorInvalidRequest
	case errors.Is(err, ErrHost):
		return http.StatusMisdirectedRequest, ""
	case errors.Is(err, ErrReplayKeyFull):
		return http.StatusTooManyRequests, ""
	case errors.Is(err, ErrConfig):
		return http.StatusInternalServerError, ""
	}
	return http.StatusServiceUnavailable, "" // no decision is possible
}

// refused counts and reports a refusal, and returns the verdict. The scheme is
// that of the request.
func (m *Middleware) refused(ctx context.Context, err error, scheme string, scopes ...string) Verdict {
	status, code := refusedAs(err)
	if status >= http.StatusInternalServerError {
		m.counts[2].Add(1)
	} else {
		m.counts[1].Add(1)
	}
	v := Verdict{Status: status, Header: m.header(), Err: err}
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		m.challenge(v.Header, scheme, code, description(err), scopes)
	}
	if m.OnError != nil {
		m.OnError(ctx, err)
	}
	return v
}

// header returns what every answer has.
func (m *Middleware) header() http.Header {
	h := make(http.Header, 3)
	if m.Proofs != nil && m.Proofs.Nonces != nil && m.setErr == nil {
		h.Set("DPoP-Nonce", m.Proofs.Nonces.Nonce())
		h.Set("Cache-Control", "no-store") // or a cache would give an old one (RFC 9449 §8)
	}
	return h
}

// challenge adds one for each accepted scheme. The error is in that of the
// request's scheme; in DPoP's where that one is not taken, or there is none.
func (m *Middleware) challenge(h http.Header, scheme, code, description string, scopes []string) {
	var reason []string
	if code != "" {
		reason = append(reason, parameter("error", code), parameter("error_description", description))
	}
	if code == errorInsufficientScope {
		reason = append(reason, parameter("scope", strings.Join(scopes, " ")))
	}
	var algorithms []string
	for _, alg := range m.Proofs.algorithms() {
		algorithms = append(algorithms, string(alg))
	}
	ofDPoP := []string{parameter("algs", strings.Join(algorithms, " "))}
	ofBearer := []string{parameter("realm", m.realm())} // RFC 6750 §3 wants a parameter, also where there is nothing to say
	if scheme == schemeBearer && m.Mode != RequireDPoP {
		ofBearer = append(ofBearer, reason...)
	} else {
		ofDPoP = append(reason, ofDPoP...)
	}
	h.Add("WWW-Authenticate", schemeDPoP+" "+strings.Join(ofDPoP, ", "))
	if m.Mode != RequireDPoP {
		h.Add("WWW-Authenticate", schemeBearer+" "+strings.Join(ofBearer, ", "))
	}
}

func (m *Middleware) realm() string {
	if u, err := url.Parse(m.BaseURL); err == nil && u.Host != "" {
		return u.Host
	}
	return m.Hosts[0]
}

// parameter writes a quoted-string of what RFC 6750 §3 allows in one.
func parameter(name, value string) string {
	return name + `="` + strings.Map(func(r rune) rune {
		switch {
		case r == '"' || r == '\\':
			return '\''
		case r < ' ' || r > '~':
			return ' '
		}
		return r
	}, value) + `"`
}

// description is what the client is told, in this package's own words: the
// error of Tokens is for the server.
func description(err error) string {
	var own *Error
	var proof *ProofError
	switch {
	case errors.As(err, &proof):
		return strings.TrimPrefix(proof.Error(), "dpop: proof refused: ")
	case errors.As(err, &own):
		return strings.TrimPrefix(own.Error(), "dpop: ")
	}
	return ErrInvalidToken.Error()
}
