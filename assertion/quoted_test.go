package assertion

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A success response may still hold an error, in any spelling.
func TestErrorWithASuccessStatus(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"denied"}`:                                 "denied",
		`{"ERROR" :"denied"}`:                                "denied",
		`{"\u0065rror":"denied"}`:                            "denied",
		"{\"access_token\":\"t\",\n\"error\"\t: \"denied\"}": "denied",
		`{"access_token":"t","x":"\n"}`:                      "",
		`{"access_token":"t"}`:                               "",
		`{"access_token":"error"}`:                           "",
	} {
		assert.Equal(t, want, parseError(&http.Response{StatusCode: 200, Header: http.Header{}}, []byte(body)).Code, body)
	}
}

// What servers answer is not decoded to see that it is a success.
func TestOrdinaryAnswers(t *testing.T) {
	for _, body := range []string{
		`{"access_token":"eyJ.e30.x","expires_in":600,"token_type":"DPoP","scope":"a/b c"}`,
		"{\n  \"access_token\" : \"t\",\n  \"expires_in\" : \"3599\",\n  \"token_type\" : \"Bearer\"\n}",
		`{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"t"}`,
		`{"access_token":"t","expires_in":60,"refresh_expires_in":1800,"refresh_token":"r","token_type":"Bearer","id_token":"i","not-before-policy":0,"session_state":"s","scope":""}`,
		`{"active":false}`,
		`{"active":true,"exp":1700000000,"aud":["a","b"],"cnf":{"jkt":"x"},"client_id":"expires_in"}`,
		`{"request_uri":"urn:x","expires_in":60}`,
		`{"device_code":"d","user_code":"AB-CD","verification_uri":"https://x","expires_in":1800,"interval":5}`,
	} {
		assert.True(t, ordinary([]byte(body)), body)
		assert.Empty(t, quoted([]byte(body)), body)
	}
}

func TestQuoted(t *testing.T) {
	for body, want := range map[string][]string{
		`{"expires_in":"a b"}`:                              {"a b"},
		`{"EXPIREſ_in":"x","expires_in":60}`:                {"x"},
		`{"expires_in":"\u0061","expires_in":60}`:           {"a"},
		`{"expires_in":1.5,"interval":1e3,"x":1.5}`:         {"1.5", "1e3"},
		`{"expires_in":1234567890123456789}`:                {"1234567890123456789"},
		`{"access_token":123,"refresh_token":{"a":[4]}}`:    {"123"},
		`{"error":123,"expiry":"tomorrow","token_type":"t"`: {"123", "tomorrow"},
		`123`:                          {"123"},
		`{"expires_in":null}`:          nil,
		`{"access_token":"t\n","x":1}`: nil,
		`"123"`:                        nil,
		`[123]`:                        nil,
		`{1:2,"expiry":3}`:             nil,
		`{`:                            nil,
		``:                             nil,
	} {
		assert.Equal(t, want, quoted([]byte(body)), body)
	}
}

// FuzzOrdinary checks that an ordinary body is no error, and that no decoder quotes
// it.
func FuzzOrdinary(f *testing.F) {
	for _, seed := range []string{
		`{"access_token":"t","expires_in":60}`, `{"a":[{"error":1}],"error":"x"}`, `{"a":"b","expires_in":"x"}`, `{"a":{},"access_token":1}`, `12`, `{"x":1,"expiry":"x"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var members struct {
			AccessToken string      `json:"access_token"`
			ExpiresIn   json.Number `json:"expires_in"`
			Interval    int64       `json:"interval"`
			Expiry      time.Time   `json:"expiry"`
			Code        any         `json:"error"`
		}
		err := json.Unmarshal([]byte(body), &members)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return
		}
		_, notInt := members.ExpiresIn.Int64()
		if err != nil && !strings.Contains(err.Error(), "number") && !strings.Contains(err.Error(), "pars") {
			return // it quotes nothing
		}
		if err != nil || members.Code != nil || members.ExpiresIn != "" && notInt != nil {
			assert.False(t, ordinary([]byte(body)), "%v", err)
		}
	})
}
