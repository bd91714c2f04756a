package assertion_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// GitHub sends errors with status 200, and golang.org/x/oauth2 puts the whole body
// into its error.
func TestErrorsWithASuccessStatusAreRedacted(t *testing.T) {
	const secret = "correct-horse"
	for name, c := range map[string]struct{ content, body string }{
		"JSON":                     {"application/json", `{"error":"bad_client","error_description":"` + secret + ` is wrong"}`},
		"JSON with a null token":   {"application/json", `{"access_token":null,"error":"bad_client","error_description":"` + secret + ` is wrong"}`},
		"JSON with an empty token": {"application/json", `{"access_token":"","error":"bad_client","error_description":"` + secret + ` is wrong"}`},
		"JSON as text":             {"text/plain", `{"error":"bad_client","error_description":"` + secret + ` is wrong"}`},
		"JSON with a token":        {"application/json", `{"access_token":"t","error":"bad_client","error_description":"` + secret + ` is wrong"}`},
		"a form":                   {"application/x-www-form-urlencoded; charset=utf-8", "error=bad_client&error_description=" + secret + "+is+wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			as := answering(200, c.body, "Content-Type", c.content)
			post := &assertion.Post{ClientID: clientID, Secret: keys.NewSecret(secret)}
			ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: &assertion.Transport{Auth: post, Endpoint: endpoint, Base: as}})
			config := clientcredentials.Config{ClientID: clientID, TokenURL: endpoint, AuthStyle: oauth2.AuthStyleInParams}
			_, err := config.Token(ctx)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), secret)

			_, err = (&assertion.TokenSource{Endpoint: endpoint, Auth: post, Base: as}).Token(t.Context())
			require.Error(t, err)
			assert.NotContains(t, err.Error(), secret)
			var refused *assertion.Error
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, "[redacted] is wrong", refused.Description)
		})
	}
}

// golang.org/x/oauth2 quotes the member of a success that it cannot decode.
func TestSuccessThatCannotBeDecodedIsRedacted(t *testing.T) {
	for _, secret := range []string{"correct-horse/battery", "271828", "1234567890123456789012"} {
		quoted, _ := json.Marshal(secret) // a string always marshals
		bodies := []string{
			`{"access_token":"t","token_type":"Bearer","expires_in":` + string(quoted) + `}`,
			`{"access_token":"t","token_type":"Bearer","EXPIRES_IN":"got ` + url.QueryEscape(secret) + `","expires_in":60}`,
			`{"access_token":"t","token_type":"Bearer","expires_in":"` + base64.StdEncoding.EncodeToString([]byte(secret)) + `"}`,
			`{"access_token":"t","token_type":"Bearer","expiry":` + string(quoted) + `}`,
			`{"access_token":"t","token_type":"Bearer","expires_in":"` + secret[:len(secret)-2] + `"}`,
		}
		if isDigits := strings.Trim(secret, "0123456789") == ""; isDigits {
			for _, name := range []string{"access_token", "token_type", "refresh_token", "error", "user_code"} {
				bodies = append(bodies, `{"`+name+`":`+secret+`}`)
			}
			bodies = append(bodies, secret)
		}
		for _, body := range bodies {
			as := answering(200, body, "Content-Type", "application/json")
			post := &assertion.Post{ClientID: clientID, Secret: keys.NewSecret("the secret of the client")}
			ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: &assertion.Transport{Auth: post, Endpoint: endpoint, Base: as}})
			config := oauth2.Config{ClientID: clientID, Endpoint: oauth2.Endpoint{TokenURL: endpoint, DeviceAuthURL: endpoint, AuthStyle: oauth2.AuthStyleInParams}}
			_, exchange := config.Exchange(ctx, secret)
			_, device := config.DeviceAuth(ctx, oauth2.SetAuthURLParam("code", secret))
			_, own := (&assertion.TokenSource{Endpoint: endpoint, Auth: post, Params: url.Values{"code": {secret}}, Base: as}).Token(t.Context())
			for name, err := range map[string]error{"exchange": exchange, "device": device, "own": own} {
				if err == nil {
					continue // it has no such member
				}
				assert.NotContains(t, err.Error(), secret[:min(8, len(secret)-2)], "%s: %s", name, body)
			}
			if strings.Contains(body, `"expires_in":"2718`) {
				assert.NoError(t, exchange, "it is a number of seconds")
				continue
			}
			assert.ErrorIs(t, exchange, assertion.ErrMalformed, body)
		}
	}
}

// A token may contain the client's secret, as that of a test server may.
func TestSuccessIsNotRedacted(t *testing.T) {
	long := strings.Repeat("x", 2<<20)
	for name, c := range map[string]struct{ content, body string }{
		"a token":                       {"application/json", `{"access_token":"s3","token_type":"Bearer"}`},
		"an empty error":                {"application/json", `{"error":"","x":"s3"}`},
		"an error that is no text":      {"application/json", `{"error":false,"x":"s3"}`},
		"an error deeper in the answer": {"application/json", `{"x":{"error":"s3"}}`},
		"a wrong type":                  {"application/json", `{"access_token":"s3","token_type":"Bearer","expires_in":"soon","refresh_token":7}`},
		"introspection":                 {"application/json", `{"active":true,"sub":"s3"}`},
		"no JSON":                       {"text/html", `error s3`},
		"JSON that does not end":        {"application/json", `{"error":"s3"`},
		"longer than anyone looks":      {"application/json", `{"x":"` + long + `","error":"s3"}`},
		"nothing":                       {"application/json", ``},
	} {
		t.Run(name, func(t *testing.T) {
			post := &assertion.Post{ClientID: clientID, Secret: keys.NewSecret("s3")}
			resp, err := (&assertion.Transport{Auth: post, Endpoint: endpoint, Base: answering(200, c.body, "Content-Type", c.content)}).RoundTrip(formPost(t, endpoint, "a=b"))
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.True(t, c.body == string(body))
		})
	}
}

func TestTruncatedBodyIsPassedOn(t *testing.T) {
	broken := errors.New("connection lost")
	torn := &closes{Reader: io.MultiReader(strings.NewReader(`{"error":`), &once{broken})}
	base := network(func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200, Body: torn}, nil })
	resp, err := (&assertion.Transport{Auth: testSigner(t), Endpoint: endpoint, Base: base}).RoundTrip(formPost(t, endpoint, "a=b"))
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	assert.Equal(t, `{"error":`, string(body))
	assert.ErrorIs(t, err, broken)
	assert.False(t, torn.closed)
	resp.Body.Close()
	assert.True(t, torn.closed)
}

// once returns its error once, as some bodies do.
type once struct{ err error }

func (o *once) Read([]byte) (int, error) {
	err := o.err
	o.err = io.EOF
	return 0, err
}

// ErrorOf returns the error that a TokenSource would return.
func TestErrorOf(t *testing.T) {
	for how, refusal := range refusals {
		for method, auth := range methods {
			if refusal.methods != nil && !slices.Contains(refusal.methods, method) {
				continue
			}
			source := &replica{now: credentialPair(t, "the secret of the client, long enough"), next: credentialPair(t, "one that is not asked for at all")}
			server := func() *strictServer {
				return &strictServer{t: t, takes: source.next, refuses: refusal.refuses, seen: map[string]bool{}}
			}
			fixed := &replica{now: source.now, next: source.now}
			_, err := (&assertion.TokenSource{Endpoint: endpoint, Auth: auth(fixed), Base: server()}).Token(t.Context())
			var want *assertion.Error
			require.ErrorAs(t, err, &want, how)
			require.ErrorIs(t, err, assertion.ErrInvalidClient, how)
			resp, err := (&assertion.Transport{Auth: auth(fixed), Endpoint: endpoint, Base: server()}).RoundTrip(formPost(t, endpoint, "grant_type=client_credentials"))
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			got := assertion.ErrorOf(resp)
			require.NotNil(t, got, how)
			assert.Equal(t, want.Rule, got.Rule, how)
			assert.Equal(t, want.Status, got.Status)
			assert.Equal(t, want.Code, got.Code)
			assert.Equal(t, want.Description, got.Description)
		}
	}
	tr := &assertion.Transport{Auth: testSigner(t), Endpoint: endpoint, Base: answering(200, `{"active":false}`)}
	resp, err := tr.RoundTrip(formPost(t, endpoint, "token=none"))
	require.NoError(t, err)
	assert.Nil(t, assertion.ErrorOf(resp))
	assert.Nil(t, assertion.ErrorOf(&http.Response{StatusCode: 400, Body: http.NoBody}), "an answer that is not a Transport's")
}
