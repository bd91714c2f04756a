package access_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/keys"
)

// FuzzToken checks that a Verifier for all types refuses by a rule or returns a token
// with issuer, client and audience.
func FuzzToken(f *testing.F) {
	key := testKey(f, keys.ES256, 1)
	token := sign(f, key, nil, good(map[string]any{"exp": int64(maxSeconds), "cnf": map[string]any{"jkt": key.Thumbprint()}}))
	parts := strings.Split(token, ".")
	f.Add(token)
	f.Add(sign(f, key, map[string]any{"typ": "JWT", "kid": nil}, good(map[string]any{"exp": int64(maxSeconds), "scope": []string{"a"}})))
	f.Add("e30.e30.e30")
	f.Add(parts[0] + "." + parts[1] + ".")
	f.Add(token + "." + parts[2])
	v := newServer(key).verifier()
	v.PlainType = true
	f.Fuzz(func(t *testing.T, token string) {
		got, err := v.Token(t.Context(), token)
		var refused *access.Error
		switch {
		case (got == nil) == (err == nil):
			t.Fatal("a token and an error, or neither")
		case err != nil && (!errors.As(err, &refused) || !errors.Is(err, dpop.ErrInvalidToken)):
			t.Fatalf("%T", err)
		case err == nil && (got.Issuer != issuer || got.ClientID == "" || len(got.Audience) == 0 || got.Expires.IsZero()):
			t.Fatal("a token without what it needs")
		}
	})
}

const maxSeconds = 253402300799

// FuzzAnswer does the same with responses of an introspection endpoint.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"active":true,"aud":["a"],"scope":"a b","exp":253402300799,"cnf":{"x5t#S256":"` + strings.Repeat("A", 43) + `"}}`,
		`{"active":false}`, `{"active":true,"aud":[null]}`, `{"active":true,"exp":1.5,"cnf":{}}`, "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		i := introspector(network(func(*http.Request) (*http.Response, error) { return answer(200, body), nil }))
		got, err := i.Token(t.Context(), "x")
		var refused *access.Error
		if (got == nil) == (err == nil) || err != nil && !errors.As(err, &refused) {
			t.Fatalf("%T", err)
		}
	})
}
