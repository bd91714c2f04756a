package rest

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/nokkel/nokkel/internal/redact"
)

// Sent returns what an error must not quote of a call: its token, and what its
// body, JSON or multipart/form-data, names a secret or a password.
func Sent(r *http.Request, token string, body []byte) (v redact.Values) {
	v.AddRequest(r)
	v.Add(token)
	content, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if content != "multipart/form-data" {
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

// add adds the strings in a JSON value that have a secret or a password in their name.
func add(v *redact.Values, name string, value any) {
	switch value := value.(type) {
	case string:
		if name = strings.ToLower(name); strings.Contains(name, "secret") || strings.Contains(name, "password") {
			v.Add(value)
		}
	case map[string]any:
		for name, member := range value {
			add(v, name, member)
		}
	case []any:
		for _, member := range value {
			add(v, name, member)
		}
	}
}
