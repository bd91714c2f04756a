package assertion

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/nokkel/nokkel/internal/slow"
)

const (
	maxErrorBody = 64 << 10 // an error answer; the rest is dropped
	maxLookedAt  = 1 << 20  // of an answer that may be a success: as much as golang.org/x/oauth2 reads
)

// credentials returns what the server must not be quoted with.
func credentials(r *http.Request, form url.Values) []string {
	found := []string{form.Get("client_assertion"), form.Get("client_secret")}
	if _, basic, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		found = append(found, basic)
		if _, password, ok := r.BasicAuth(); ok {
			plain, _ := url.QueryUnescape(password)
			found = append(found, plain)
		}
	}
	return found
}

// refuses tells an answer that is an error in spite of its status, as GitHub
// gives it: "error" without a token, in JSON or as a form, whichever
// golang.org/x/oauth2 takes it for. The body stays readable. It fails when the
// server does not send it in time.
func refuses(resp *http.Response) (bool, error) {
	head, rest, err := slow.Head(resp.Body, maxLookedAt, slow.Wait)
	if resp.Body = rest; errors.Is(err, os.ErrDeadlineExceeded) {
		return false, err
	}
	content, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch content {
	case "application/x-www-form-urlencoded", "text/plain":
		form, _ := url.ParseQuery(string(head))
		if form.Get("error") != "" {
			return form.Get("access_token") == "", nil
		}
	}
	var answer struct {
		Error string `json:"error"`
		Token any    `json:"access_token"`
	}
	json.Unmarshal(head, &answer) // what is no such object is no refusal
	return answer.Error != "" && (answer.Token == nil || answer.Token == ""), nil
}

// scrub takes credentials out of an error answer, in plain, form-encoded and
// JSON-escaped writing.
func scrub(resp *http.Response, credentials []string) {
	body, _, _ := slow.Head(resp.Body, maxErrorBody, slow.Wait) // a torn answer is still the answer
	resp.Body.Close()
	for _, c := range credentials {
		if c == "" {
			continue
		}
		quoted, _ := json.Marshal(c) // a string always marshals
		for _, written := range []string{c, url.QueryEscape(c), string(quoted[1 : len(quoted)-1])} {
			body = bytes.ReplaceAll(body, []byte(written), []byte(redacted))
		}
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
}
