package rest

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/internal/redact"
)

// Sent returns what an error must not quote of a call: its token, what its
// headers hold unless they are known to be public, and what its body, JSON or a
// form of either kind, names a secret.
func Sent(r *http.Request, token string, body []byte) (v redact.Values) {
	v.AddRequest(r)
	v.Add(token)
	content, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch content {
	case "application/x-www-form-urlencoded":
		form, _ := url.ParseQuery(string(body)) // what is well formed of it
		v.AddForm(form)
		return v
	case "multipart/form-data":
	default:
		var members any
		json.Unmarshal(body, &members) // a body that is not JSON has no members
		add(&v, "", members)
		return v
	}
	form := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := form.NextPart()
		if err != nil {
			return v
		}
		if part.FileName() == "" {
			text, _ := io.ReadAll(part) // from memory
			add(&v, part.FormName(), string(text))
		}
	}
}

// add adds the strings in a JSON value that are secrets by their name.
func add(v *redact.Values, name string, value any) {
	switch value := value.(type) {
	case string:
		if secret(strings.ToLower(name), value) {
			v.Add(value)
		}
	case map[string]any:
		for name, member := range value {
			add(v, name, member)
		}
	case []any:
		for _, member := range value {
			add(v, strings.TrimSuffix(name, "s"), member)
		}
	}
}

// secret reports whether a member is one. Names that only hold the word token or
// key are those of settings, as "token_endpoint_auth_method" and "keyAlias" are,
// and a short value is a switch: "client_credentials.use_refresh_token".
func secret(name, value string) bool {
	if strings.Contains(name, "secret") || strings.Contains(name, "password") || strings.Contains(name, "passphrase") {
		return true
	}
	if len(value) < 8 || strings.Contains(name, "public") {
		return false
	}
	name = strings.TrimRight(strings.TrimSuffix(name, "value"), "_-.")
	return slices.ContainsFunc([]string{"token", "key", "assertion", "statement"}, func(last string) bool {
		return strings.HasSuffix(name, last)
	})
}
