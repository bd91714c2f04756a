package redact

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Values are the secrets of a request, which nothing made from its answer may
// repeat. The zero value has none.
//
// A value is found verbatim; escaped as in JSON, a URL, a form or HTML, in
// any style, in part or whole, several times over; inside base64 and
// base64url; and, from 8 characters on, in hexadecimal. It is also found at
// the end of a text that was cut after 8 or more of its characters, even in
// the middle of an escape. A text that holds a value of under 8 characters is
// not shown at all.
type Values struct {
	values []value
	public []string
}

// Keep names words that people need and that look like a secret but are none,
// such as a key id. A value is removed all the same.
func (v *Values) Keep(words ...string) { v.public = append(v.public, words...) }

// Add adds values, except empty ones and duplicates.
func (v *Values) Add(values ...string) {
	for _, text := range values {
		var runes []rune
		for _, c := range read(text) {
			runes = append(runes, c.rune)
		}
		if text != "" && !slices.ContainsFunc(v.values, func(known value) bool { return slices.Equal(known, runes) }) {
			v.values = append(v.values, runes)
		}
	}
}

// AddRequest adds what the headers of a request hold, but for those that are
// known to be public: tokens, the whole of Basic and the password in it, proofs,
// cookies, and the API keys that servers have headers of their own for. As in
// [Values.AddForm] a short value is one only if its name says so.
func (v *Values) AddRequest(r *http.Request) {
	for as, values := range r.Header {
		name := http.CanonicalHeaderKey(as) // the caller may have written it as it pleased
		for _, value := range values {
			switch {
			case as == "Cookie":
			case name == "Authorization" || name == "Proxy-Authorization":
				v.addCredentials(value)
			case name == "Dpop":
				v.Add(value)
			case !publicHeader(name) && (len(value) >= shortest || secret(name)):
				v.Add(value)
				if _, last, _ := strings.Cut(value, " "); len(last) >= shortest {
					v.Add(last) // after a scheme
				}
			}
		}
	}
	for _, cookie := range r.Cookies() {
		v.Add(cookie.Value)
	}
}

// addCredentials adds those of an Authorization header, with a scheme or
// without one.
func (v *Values) addCredentials(value string) {
	scheme, credentials, ok := strings.Cut(value, " ")
	if !ok {
		v.Add(value)
		return
	}
	credentials = strings.TrimSpace(credentials)
	v.Add(credentials)
	if strings.EqualFold(scheme, "Basic") {
		pair, _ := base64.StdEncoding.DecodeString(credentials)
		_, password, _ := strings.Cut(string(pair), ":")
		plain, _ := url.QueryUnescape(password) // RFC 6749 §2.3.1
		v.Add(password, plain)
	}
}

// publicHeader knows the headers of requests without a secret in them (RFC
// 9110, RFC 9111; Fetch; W3C Trace Context).
func publicHeader(name string) bool {
	for _, prefix := range []string{"Accept", "Content-", "If-", "Sec-", "X-Forwarded-", "Access-Control-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "Cache-Control", "Connection", "Date", "Expect", "Forwarded", "From", "Host", "Max-Forwards", "Origin", "Pragma", "Prefer",
		"Range", "Te", "Traceparent", "Tracestate", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "Via",
		"X-Correlation-Id", "X-Request-Id", "X-Requested-With":
		return true
	}
	return false
}

// AddForm adds the parameters of a form but for those that are known to be
// public, for what a server adds to the protocol may be a secret. A short value
// is one only if its name says so: most are numbers and switches.
func (v *Values) AddForm(form url.Values) {
	for name, values := range form {
		for _, value := range values {
			if !public(name) && (len(value) >= shortest || secret(name)) {
				v.Add(value)
			}
		}
	}
}

// public knows the parameters of requests without a secret in them (RFC 6749,
// 7636, 8628, 8693, 8707, 9126, 9396, 9449; OpenID Connect Core).
func public(name string) bool {
	switch name {
	case "grant_type", "client_id", "client_assertion_type", "scope", "resource", "audience", "redirect_uri", "username",
		"response_type", "response_mode", "code_challenge", "code_challenge_method", "dpop_jkt", "authorization_details",
		"subject_token_type", "actor_token_type", "requested_token_type", "token_type_hint",
		"acr_values", "claims", "claims_locales", "display", "login_hint", "max_age", "prompt", "ui_locales":
		return true
	}
	return false
}

func secret(name string) bool {
	for _, part := range []string{"secret", "pass", "token", "code", "assertion", "verifier", "otp", "pin", "key"} {
		if strings.Contains(strings.ToLower(name), part) {
			return true
		}
	}
	return false
}
