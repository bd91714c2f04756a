package dpop

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

const (
	maxReplay    = 1 << 20  // a body that has no GetBody and may have to be sent again
	maxErrorBody = 64 << 10 // an error answer that is looked into
)

// send sends one request with a proof, and once more when the server asks for
// a nonce. The caller's request is not changed.
func (p *Prover) send(base http.RoundTripper, req *http.Request, key *keys.Key, token string) (*http.Response, error) {
	body, err := replayable(req)
	if err != nil {
		return nil, err
	}
	origin := originOf(req.URL)
	for attempt := 0; ; attempt++ {
		proof, err := Sign(req.Context(), key, Proof{
			Method: req.Method, URL: req.URL.String(), AccessToken: token, Nonce: p.nonce(origin),
		})
		if err != nil {
			return nil, err
		}
		r := req.Clone(req.Context())
		if r.Body, err = body(); err != nil {
			return nil, err
		}
		r.Header.Set("DPoP", proof)
		if token != "" {
			r.Header.Set("Authorization", "DPoP "+token)
		}
		resp, err := base.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		if !p.learn(origin, resp) || attempt > 0 || !wantsNonce(resp) {
			return resp, nil
		}
		io.Copy(io.Discard, io.LimitReader(resp.Body, maxErrorBody))
		resp.Body.Close()
	}
}

// replayable returns a function that gives the body anew for each attempt.
func replayable(req *http.Request) (func() (io.ReadCloser, error), error) {
	if req.Body == nil || req.Body == http.NoBody {
		return func() (io.ReadCloser, error) { return req.Body, nil }, nil
	}
	if req.GetBody != nil {
		return req.GetBody, nil
	}
	defer req.Body.Close()
	b, err := io.ReadAll(io.LimitReader(req.Body, maxReplay+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxReplay {
		return nil, &Error{Rule: ErrBody}
	}
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }, nil
}

// wantsNonce tells a true challenge (RFC 9449 §8, §9) from any other answer
// that happens to carry a nonce.
func wantsNonce(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		for _, c := range resp.Header.Values("WWW-Authenticate") {
			if strings.Contains(c, `error="use_dpop_nonce"`) {
				return true
			}
		}
	case http.StatusBadRequest:
	default:
		return false
	}
	b, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(b), resp.Body), resp.Body}
	var e struct {
		Error string `json:"error"`
	}
	return json.Unmarshal(b, &e) == nil && e.Error == "use_dpop_nonce"
}
