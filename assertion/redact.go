package assertion

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/internal/respbody"
)

const (
	maxErrorBody = 64 << 10 // an error answer; the rest is dropped
	maxLookedAt  = 1 << 20  // of an answer that may be a success: as much as golang.org/x/oauth2 reads
	maxCode      = 64       // bytes of an error code
)

// sent returns what the server must not be quoted with.
func sent(r *http.Request, form url.Values) redact.Values {
	var v redact.Values
	v.AddRequest(r)
	v.AddForm(form)
	v.Keep(form.Get("client_id"), assertionHeader(form).KeyID)
	return v
}

// serverError is what a server says of a refusal (RFC 6749 §5.2).
type serverError struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
	URI         string `json:"error_uri,omitempty"`

	status     int
	credential bool // it is the client's credential that was refused
}

// readError reads an answer that is an error: by its status, or in spite of it,
// as GitHub gives it, with "error". The body of such an answer has been read and
// closed. It returns nil for any other, with the start of its body, which stays
// readable, and fails when that does not come in time.
func readError(resp *http.Response) (e *serverError, body []byte, err error) {
	if resp.StatusCode >= http.StatusMultipleChoices {
		body, _, _ = respbody.Head(resp.Body, maxErrorBody, respbody.Wait) // a torn answer is still the answer
		resp.Body.Close()
		return parseError(resp, body), body, nil
	}
	body, rest, err := respbody.Head(resp.Body, maxLookedAt, respbody.Wait)
	if resp.Body = rest; errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil, err
	}
	if e = parseError(resp, body); e.Code == "" {
		return nil, body, nil
	}
	resp.Body.Close()
	return e, body, nil
}

// parseError takes the body for a form or for JSON, whichever
// golang.org/x/oauth2 takes it for.
func parseError(resp *http.Response, body []byte) *serverError {
	e := &serverError{status: resp.StatusCode}
	content, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch content {
	case "application/x-www-form-urlencoded", "text/plain":
		form, _ := url.ParseQuery(string(body))
		if e.Code = form.Get("error"); e.Code != "" {
			e.Description, e.URI = form.Get("error_description"), form.Get("error_uri")
			return e
		}
	}
	if ordinary(body) {
		return e // as the answer with the token is, which is parsed elsewhere
	}
	var members struct {
		Code        any `json:"error"`
		Description any `json:"error_description"`
		URI         any `json:"error_uri"`
	}
	if json.Unmarshal(body, &members) == nil {
		e.Code, _ = members.Code.(string)
		e.Description, _ = members.Description.(string)
		e.URI, _ = members.URI.(string)
	}
	return e
}

// rewrite takes what was sent out of the error and puts that into resp: its
// members in JSON, whatever they came in. A body without a code becomes a line
// of text, and nothing when it is not text at all.
func (e *serverError) rewrite(resp *http.Response, body []byte, sent redact.Values) {
	if !registered(e.Code) {
		e.Code = sent.Line(e.Code, maxCode)
	}
	e.Description, e.URI = sent.Line(e.Description, redact.MaxText), sent.Line(e.URI, redact.MaxText)
	sent.Header(resp.Header)
	switch {
	case e.Code != "":
		body, _ = json.Marshal(e) // text always marshals
		resp.Header.Set("Content-Type", "application/json")
	case bytes.ContainsFunc(body, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' }):
		body = nil
	case len(body) > 0:
		body = []byte(sent.Line(string(body), redact.MaxText))
		resp.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.Status = strconv.Itoa(e.status) + " " + http.StatusText(e.status) // servers may write anything there
	resp.Body, resp.ContentLength, resp.Trailer = &errorBody{*bytes.NewReader(body), e}, int64(len(body)), nil
}

// errorBody is the body of an answer that is an error.
type errorBody struct {
	bytes.Reader
	e *serverError
}

func (*errorBody) Close() error { return nil }

// ErrorOf returns the error in an answer that came through a [Transport], as
// a [TokenSource] reports it: with [ErrInvalidClient] if the server refused
// the client's credential, else with [ErrRefused]. It returns nil for any
// other answer, and for one whose Body was replaced.
func ErrorOf(resp *http.Response) *Error {
	if body, ok := resp.Body.(*errorBody); ok {
		return body.e.refusal(resp)
	}
	return nil
}

// registered reports whether code is one of the OAuth extensions error
// registry, with which a server quotes nothing.
func registered(code string) bool {
	switch code {
	case "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		"access_denied", "unsupported_response_type", "server_error", "temporarily_unavailable",
		"authorization_pending", "slow_down", "expired_token", "invalid_dpop_proof", "use_dpop_nonce", "invalid_target",
		"invalid_token", "insufficient_scope", "insufficient_user_authentication", "unsupported_token_type",
		"invalid_request_uri", "invalid_request_object", "request_not_supported", "request_uri_not_supported",
		"interaction_required", "login_required", "account_selection_required", "consent_required", "registration_not_supported",
		"invalid_authorization_details":
		return true
	}
	return false
}
