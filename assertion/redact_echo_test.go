package assertion_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// spelled lists the encodings in which servers quote a request.
var spelled = map[string]func(string) string{
	"as it is":          func(s string) string { return s },
	"JSON of Go":        func(s string) string { b, _ := json.Marshal(s); return string(b[1 : len(b)-1]) },
	"JSON of .NET":      func(s string) string { return units(s, `+"&'<>`, `\u%04X`) },
	"JSON of PHP":       func(s string) string { return strings.ReplaceAll(units(s, "Ø", `\u%04x`), "/", `\/`) },
	"JSON of Gson":      func(s string) string { return units(s, `=&'<>`, `\u%04x`) },
	"JSON, all escaped": func(s string) string { return units(s, s, `\u%04x`) },
	"form":              url.QueryEscape,
	"form, lower case":  func(s string) string { return lower(url.QueryEscape(s)) },
	"URL path":          url.PathEscape,
	"HTML":              html.EscapeString,
	"HTML, numeric":     func(s string) string { return units(s, s, "&#%d;") },
	"base64":            func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64url":         func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"Basic":             func(s string) string { return base64.StdEncoding.EncodeToString([]byte("client-1:" + s)) },
	"Basic, form-encoded": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte("client-1:" + url.QueryEscape(s)))
	},
}

func units(s, which, format string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(which, r) {
			fmt.Fprintf(&b, format, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func lower(s string) string {
	for i := 0; i+2 < len(s); i++ {
		if s[i] == '%' {
			s = s[:i] + strings.ToLower(s[i:i+3]) + s[i+3:]
		}
	}
	return s
}

// bodies lists the bodies in which they quote it.
var bodies = map[string]struct{ content, format string }{
	"JSON":              {"application/json", `{"error":"bad_request","error_description":"got %[1]s","error_uri":"https://as.example.com/?q=%[1]s","hint":"%[1]s"}`},
	"JSON code":         {"application/json", `{"error":"%[1]s"}`},
	"JSON of its own":   {"application/json", `{"error":{"message":"got %[1]s"}}`},
	"JSON that is torn": {"application/json", `{"error":"bad_request","error_description":"got %[1]s`},
	"form":              {"application/x-www-form-urlencoded", `error=bad_request&error_description=got+%[1]s`},
	"text":              {"text/plain", `got %[1]s!`},
	"HTML":              {"text/html", `<html><pre>client_secret=%[1]s</pre></html>`},
}

// Servers echo the secret, the grant and the Basic credentials of three methods in
// every body, encoding and header. Neither an error of golang.org/x/oauth2 nor one
// of a TokenSource shows them.
func TestEchoedCredentialsAreRedacted(t *testing.T) {
	const secret = `se"cret+%/Ø=<b>`
	const code = `4/0AX4XfWh+the-code=`
	auths := map[string]assertion.Authenticator{
		"assertion": testSigner(t),
		"post":      &assertion.Post{ClientID: clientID, Secret: keys.NewSecret(secret)},
		"basic":     &assertion.Basic{ClientID: clientID, Secret: keys.NewSecret(secret)},
	}
	cases := 0
	for method, auth := range auths {
		for spelling, spell := range spelled {
			for body, b := range bodies {
				if method == "assertion" && body != "JSON" {
					continue // the longest value; the other methods behave the same
				}
				cases++
				name := fmt.Sprint(method, ", ", spelling, ", ", body)
				var quoted []string
				echo := network(func(r *http.Request) (*http.Response, error) {
					require.NoError(t, r.ParseForm())
					values := []string{code}
					if password := r.PostForm.Get("client_secret"); password != "" {
						values = append(values, password)
					}
					if basic, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Basic "); ok {
						values = append(values, secret, basic)
					}
					if a := r.PostForm.Get("client_assertion"); a != "" {
						values = append(values, a)
					}
					var text []string
					for _, v := range values {
						quoted = append(quoted, v, spell(v))
						text = append(text, spell(v))
					}
					all := strings.Join(text, " ")
					resp := answer(400, fmt.Sprintf(b.format, all), "Content-Type", b.content, "Location", "https://as.example.com/?"+all,
						"Set-Cookie", "last="+all, "WWW-Authenticate", `Basic realm="`+all+`"`)
					resp.Status = "400 " + all
					return resp, nil
				})
				ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: &assertion.Transport{Auth: auth, Endpoint: endpoint, Base: echo}})
				_, err := flowConfig.Exchange(ctx, code)
				var refused *oauth2.RetrieveError
				require.ErrorAs(t, err, &refused)
				_, own := (&assertion.TokenSource{Endpoint: endpoint, Auth: auth, Params: url.Values{"code": {code}}, Base: echo}).Token(t.Context())
				require.Error(t, own)
				shown := fmt.Sprint(err, " ", string(refused.Body), " ", refused.ErrorCode, refused.ErrorDescription, refused.ErrorURI, " ", refused.Response.Header, refused.Response.Status, " ", own)
				for _, q := range quoted {
					assert.NotContains(t, shown, q, name)
				}
			}
		}
	}
	t.Log(cases, "answers")
}

// The secrets of every grant are redacted in errors of the server and in net/http's
// errors about malformed responses.
func TestSecretsOfEveryGrantAreRedacted(t *testing.T) {
	form := url.Values{"grant_type": {"x"}, "scope": {"patients/read"}}
	for _, name := range []string{"refresh_token", "code", "code_verifier", "subject_token", "actor_token", "device_code", "password", "assertion", "token"} {
		form.Set(name, "the value of "+name)
	}
	post := &assertion.Post{ClientID: clientID, Secret: keys.NewSecret("the client's secret")}
	for name := range form {
		text := "got " + form.Get(name)
		tr := &assertion.Transport{Auth: post, Endpoint: endpoint, Base: answering(400, `{"error":"invalid_request","error_description":"`+text+`"}`)}
		resp, err := tr.RoundTrip(formPost(t, endpoint, form.Encode()))
		require.NoError(t, err)
		var e struct {
			Description string `json:"error_description"`
		}
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&e))
		tr.Base = network(func(*http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("malformed HTTP response %q", text)
		})
		_, err = tr.RoundTrip(formPost(t, endpoint, form.Encode()))
		if name == "grant_type" || name == "scope" {
			assert.Equal(t, text, e.Description)
			assert.ErrorContains(t, err, text)
			continue
		}
		assert.Equal(t, "got [redacted]", e.Description, name)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), form.Get(name))
	}
}

// net/http quotes a line of a chunked answer's trailer that is not one. A server
// repeats in it what was sent.
func TestBrokenTrailerIsRedacted(t *testing.T) {
	const secret = "correct-horse"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := r.PostFormValue("client_secret") + r.PostFormValue("client_assertion")
		conn, _, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nyou sent %s\r\n\r\n", sent)
			conn.Close()
		}
	}))
	defer s.Close()
	for _, auth := range []assertion.Authenticator{testSigner(t), &assertion.Post{ClientID: clientID, Secret: keys.NewSecret(secret)}} {
		_, own := (&assertion.TokenSource{Endpoint: s.URL, Auth: auth}).Token(t.Context())
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: &assertion.Transport{Auth: auth, Endpoint: s.URL}})
		_, err := (&clientcredentials.Config{ClientID: clientID, TokenURL: s.URL, AuthStyle: oauth2.AuthStyleInParams}).Token(ctx)
		for _, err := range []error{own, err} {
			require.ErrorContains(t, err, "repeats what was sent")
			assert.NotContains(t, err.Error(), secret)
			assert.NotContains(t, err.Error(), "eyJ")
		}
	}
}

// net/http quotes what is no HTTP, and a short secret hides its error.
func TestAnswerThatIsNoHTTPIsRedacted(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := r.PostFormValue("client_secret")
		conn, _, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			fmt.Fprintf(conn, "%s-is-wrong\n", sent)
			conn.Close()
		}
	}))
	defer s.Close()
	for _, secret := range []string{"hunter2", "correct-horse"} {
		auth := &assertion.Post{ClientID: clientID, Secret: keys.NewSecret(secret)}
		_, own := (&assertion.TokenSource{Endpoint: s.URL, Auth: auth}).Token(t.Context())
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: &assertion.Transport{Auth: auth, Endpoint: s.URL}})
		_, err := (&clientcredentials.Config{ClientID: clientID, TokenURL: s.URL, AuthStyle: oauth2.AuthStyleInParams}).Token(ctx)
		for _, err := range []error{own, err} {
			require.Error(t, err)
			assert.NotContains(t, err.Error(), secret)
			assert.NotContains(t, err.Error(), "is-wrong")
		}
	}
}

func TestBinaryErrorBodyIsDropped(t *testing.T) {
	const secret = "correct-horse"
	wide := strings.Join(strings.Split(secret, ""), "\x00") // UTF-16
	tr := &assertion.Transport{Auth: &assertion.Post{ClientID: clientID, Secret: keys.NewSecret(secret)}, Endpoint: endpoint, Base: answering(500, wide)}
	resp, err := tr.RoundTrip(formPost(t, endpoint, "a=b"))
	require.NoError(t, err)
	assert.Zero(t, resp.ContentLength)
}

// net/http puts the URL of a redirect into its error.
func TestRedirectURLIsRedacted(t *testing.T) {
	const secret = "correct horse+battery"
	tr := &assertion.Transport{Auth: &assertion.Post{ClientID: clientID, Secret: keys.NewSecret(secret)}, Endpoint: endpoint,
		Base: answering(307, "", "Location", endpoint+"?client_secret="+lower(url.QueryEscape(secret)))}
	_, err := (&http.Client{Transport: tr}).Do(formPost(t, endpoint, "a=b"))
	require.ErrorIs(t, err, assertion.ErrRedirect)
	assert.NotContains(t, err.Error(), "correct")
	assert.NotContains(t, err.Error(), "battery")
}
