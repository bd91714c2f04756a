package assertion

import (
	"context"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nokkel/nokkel/internal/origin"
	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/internal/transport"
)

const maxForm = 1 << 20 // bytes; a token exchange may carry large tokens

// Transport is an http.RoundTripper that authenticates the client in token
// requests, with a new assertion for each attempt. Put into an http.Client under the context
// value oauth2.HTTPClient, it serves every flow of golang.org/x/oauth2, whose
// Config then has a ClientID and no ClientSecret:
//
//	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: transport})
//
// It authenticates form POSTs that carry no access token: token
// (RFC 6749, RFC 8693), pushed authorization (RFC 9126), device (RFC 8628),
// introspection and revocation requests. Such a request goes to the origin of
// Endpoint or nowhere ([ErrOrigin]), and is not repeated after a redirect
// ([ErrRedirect]). Client authentication already in it (Basic, client_secret,
// client_assertion) is removed.
//
// Other requests pass untouched: API calls made by the same client carry a
// token in the Authorization header, or are not form POSTs.
//
// An answer with more than 256 KiB of header is refused: without a Base before
// net/http reads it, and with one after that ([ErrTooLarge]). That may be up to
// 10 MiB at several times the memory, unless the MaxResponseHeaderBytes of an
// http.Transport says otherwise.
//
// Set the AuthStyle of an oauth2.Endpoint to AuthStyleInParams. With
// AuthStyleAutoDetect x/oauth2 asks twice when it is refused, each time with a
// new assertion.
type Transport struct {
	Auth     Authenticator
	Endpoint string            // URL of the token endpoint: https, or http on loopback
	Base     http.RoundTripper // nil: a copy of http.DefaultTransport
}

// RoundTrip sends the request with a new client authentication. If the server
// refuses the credential and its source is a [KeyRefuser] or [SecretRefuser]
// that knows another, or Auth is a [Moving], it sends the request once more with
// that; if that is refused too, and the server asks for no patience, it does the
// same once more half a second later. If nothing helps, it returns the first
// refusal. A request that already has a
// DPoP proof is sent once, since a proof is: put a dpop.Prover's Bind in Base
// instead.
//
// An error answer has "error", "error_description" and "error_uri" only, in
// JSON, or one line of text. Secrets that were sent are replaced by
// "[redacted]" in it and in its header, however the server wrote them; an error
// of the network that quotes them, even while the body is read, is replaced by
// another.
// A success with a member of the wrong type, which golang.org/x/oauth2 would
// quote, fails if what was sent is in there ([ErrMalformed]).
// RoundTrip waits 10 s for the body: an error answer is then cut, and any
// other fails.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !isClientRequest(firstRequest(req)) {
		return transport.Of(t.Base).RoundTrip(req)
	}
	resp, _, err := t.send(req)
	return resp, err
}

// send makes a request in which a client authenticates. It returns the error
// that the answer is, if it is one.
func (t *Transport) send(req *http.Request) (*http.Response, *serverError, error) {
	form, err := t.accept(req)
	if err != nil {
		return nil, nil, err
	}
	resp, e, all, err := t.try(req, form)
	if !all || resp.Header.Get("Retry-After") != "" {
		return resp, e, err
	}
	select {
	case <-time.After(settling):
	case <-req.Context().Done():
		return resp, e, nil
	}
	later, e2, _, err := t.try(req, form)
	if err != nil || e2.repeats(e) {
		return resp, e, nil
	}
	return later, e2, nil
}

// settling is how long the nodes of a server may disagree about a credential
// that was replaced at once: one knows only the old one, another only the new.
// Keycloak's take milliseconds for a client secret.
const settling = 500 * time.Millisecond

// try sends the request, and again with what else there is if the credential is
// refused. If the server refuses all of it, it returns the first answer.
func (t *Transport) try(req *http.Request, form url.Values) (_ *http.Response, _ *serverError, all bool, _ error) {
	auth, err := hold(req.Context(), t.Auth)
	if err != nil {
		return nil, nil, false, err
	}
	resp, e, err := t.attempt(req, auth, form)
	if e == nil || req.Header.Get("DPoP") != "" {
		return resp, e, false, err
	}
	for other := auth.another(req.Context(), e); other != nil; other = other.next(req.Context()) {
		again, e2, err := t.attempt(req, other, form)
		if err != nil {
			return resp, e, false, nil
		}
		if !e2.repeats(e) {
			if e2 == nil && other.works != nil {
				other.works()
			}
			return again, e2, false, nil
		}
		all = e2.credential
	}
	return resp, e, all, nil
}

// attempt sends the request once, as auth.
func (t *Transport) attempt(req *http.Request, auth Authenticator, form url.Values) (*http.Response, *serverError, error) {
	ctx := req.Context()
	r := req.Clone(ctx)
	r.Header.Del("Authorization")
	form = maps.Clone(form) // another attempt may be made with another method
	text, err := authenticate(ctx, auth, r.Header, form)
	if err != nil {
		return nil, nil, err
	}
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(strings.NewReader(text)), int64(len(text)), nil
	// net/http asks for the body again when it lost a connection before the
	// server can have read anything, and dpop.Transport when its proof was
	// refused. That attempt too has its own assertion.
	r.GetBody = func() (io.ReadCloser, error) {
		again, err := authenticate(ctx, auth, make(http.Header), form)
		if err == nil && len(again) != len(text) {
			err = refuse(ErrConfig, "the credential changed during the request")
		}
		return io.NopCloser(strings.NewReader(again)), err
	}
	resp, err := transport.Of(t.Base).RoundTrip(r)
	if err != nil {
		return nil, nil, sent(r, form).Error(err)
	}
	resp.Request = req // as it was given, without what was added
	if err := checkHeader(resp); err != nil {
		resp.Body.Close()
		return nil, nil, err
	}
	e, body, err := readError(resp)
	if err != nil {
		resp.Body.Close()
		return nil, nil, failed("reading the answer", err)
	}
	if e != nil {
		e.credential = e.aboutCredential(form) // by the server's own words
		e.rewrite(resp, body, sent(r, form))
		return resp, e, nil
	}
	if literals := quoted(body); len(literals) > 0 && sent(r, form).MayBeIn(literals...) {
		resp.Body.Close()
		return nil, nil, malformed(resp, "a member has the wrong type and repeats what was sent")
	}
	resp.Body = redact.Body(resp.Body, func() redact.Values { return sent(r, form) })
	return resp, nil, nil
}

// accept checks where the request goes and takes its form, without the client
// authentication it may have. The body is closed in any case.
func (t *Transport) accept(req *http.Request) (url.Values, error) {
	body := req.Body
	if body == nil {
		body = http.NoBody
	}
	defer body.Close()
	endpoint, err := parseEndpoint(t.Endpoint)
	switch {
	case t.Auth == nil:
		return nil, refuse(ErrConfig, "a Transport needs Auth")
	case err != nil:
		return nil, err
	case req.Response != nil:
		return nil, refuse(ErrRedirect, "")
	case !origin.Same(req.URL, endpoint):
		return nil, refuse(ErrOrigin, "")
	}
	b, err := io.ReadAll(io.LimitReader(body, maxForm+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxForm {
		return nil, refuse(ErrTooLarge, "form over 1 MiB")
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, refuse(ErrMalformed, "the request body is not a form")
	}
	form.Del("client_secret")
	form.Del("client_assertion")
	form.Del("client_assertion_type")
	return form, nil
}

func authenticate(ctx context.Context, auth Authenticator, header http.Header, form url.Values) (string, error) {
	if err := auth.Authenticate(ctx, header, form); err != nil {
		return "", err
	}
	return form.Encode(), nil
}

// isClientRequest reports whether a client authenticates in the request: it is
// a form POST without an access token.
func isClientRequest(req *http.Request) bool {
	if req.Method != http.MethodPost {
		return false
	}
	scheme, _, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if scheme != "" && !strings.EqualFold(scheme, "Basic") {
		return false
	}
	content, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	return content == "application/x-www-form-urlencoded"
}

// firstRequest goes back to where a chain of redirects began.
func firstRequest(req *http.Request) *http.Request {
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	return req
}
