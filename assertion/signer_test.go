package assertion_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// go-jose verifies every algorithm, by the rules of RFC 7523 §3.
func TestAssertionVerifiesWithGoJOSE(t *testing.T) {
	secret := strings.Repeat("s3cret-Ø", 8)
	type row struct {
		alg    string
		signer assertion.Signer
		verify any
		kid    string
	}
	var rows []row
	for _, alg := range []keys.Algorithm{keys.RS256, keys.RS384, keys.RS512, keys.PS256, keys.PS384, keys.PS512, keys.ES256, keys.ES384, keys.ES512, keys.EdDSA} {
		k := testKey(t, alg)
		rows = append(rows, row{string(alg), assertion.Signer{Key: k}, k.PublicKey().Public(), k.KeyID()})
	}
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		rows = append(rows, row{alg, assertion.Signer{Secret: keys.NewSecret(secret), Algorithm: alg}, []byte(secret), ""})
	}
	rows = append(rows, row{"HS256", assertion.Signer{Secret: keys.NewSecret(secret)}, []byte(secret), ""})
	for _, r := range rows {
		t.Run(r.alg, func(t *testing.T) {
			s := r.signer
			s.ClientID, s.Audience = clientID, issuer
			before := time.Now().Truncate(time.Second)
			token, err := s.Assertion(t.Context())
			require.NoError(t, err)

			parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(r.alg)})
			require.NoError(t, err)
			var c jwt.Claims
			require.NoError(t, parsed.Claims(r.verify, &c))
			require.NoError(t, c.ValidateWithLeeway(jwt.Expected{Issuer: clientID, Subject: clientID, AnyAudience: jwt.Audience{issuer}, Time: time.Now()}, 0))
			assert.Equal(t, 30*time.Second, c.Expiry.Time().Sub(c.IssuedAt.Time()))
			assert.Equal(t, c.IssuedAt, c.NotBefore)
			assert.WithinRange(t, c.IssuedAt.Time(), before, time.Now())
			jti, err := base64.RawURLEncoding.DecodeString(c.ID)
			require.NoError(t, err)
			assert.Len(t, jti, 16, "jti is 128 bits")

			claims, header := payloadOf(t, token, jose.SignatureAlgorithm(r.alg), r.verify)
			assert.Equal(t, issuer, claims["aud"], "aud is one string, not an array")
			assert.Equal(t, "client-authentication+jwt", header.ExtraHeaders[jose.HeaderType])
			assert.Equal(t, r.kid, header.KeyID)
		})
	}
}

func TestEveryAttemptHasANewJTI(t *testing.T) {
	s := testSigner(t)
	s.Claims = map[string]any{"nonce": "n"}
	seen := map[string]bool{}
	for range 200 {
		form := url.Values{}
		require.NoError(t, s.Authenticate(t.Context(), nil, form))
		claims, _ := payloadOf(t, form.Get("client_assertion"), jose.ES256, testKey(t, keys.ES256).PublicKey().Public())
		jti := claims["jti"].(string)
		require.False(t, seen[jti], "the same jti twice")
		seen[jti] = true
	}
}

func TestAuthenticateSetsTheParametersOfRFC7523(t *testing.T) {
	form, header := url.Values{"client_id": {"other"}}, http.Header{}
	require.NoError(t, testSigner(t).Authenticate(t.Context(), header, form))
	assert.Equal(t, []string{clientID}, form["client_id"])
	assert.Equal(t, []string{"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, form["client_assertion_type"])
	assert.Len(t, form["client_assertion"], 1)
	assert.Empty(t, header)
}

func TestLifetimeIsAtMost60Seconds(t *testing.T) {
	for lifetime, want := range map[time.Duration]float64{
		0: 30, -time.Second: 30, time.Nanosecond: 1, 1500 * time.Millisecond: 2, 45 * time.Second: 45, time.Minute: 60, time.Hour: 60,
	} {
		s := testSigner(t)
		s.Lifetime = lifetime
		token, err := s.Assertion(t.Context())
		require.NoError(t, err)
		claims, _ := payloadOf(t, token, jose.ES256, testKey(t, keys.ES256).PublicKey().Public())
		assert.Equal(t, want, claims["exp"].(float64)-claims["iat"].(float64), lifetime)
	}
}

func TestTypeIsSettable(t *testing.T) {
	s := testSigner(t)
	s.Type = "JWT"
	token, err := s.Assertion(t.Context())
	require.NoError(t, err)
	_, header := payloadOf(t, token, jose.ES256, testKey(t, keys.ES256).PublicKey().Public())
	assert.Equal(t, "JWT", header.ExtraHeaders[jose.HeaderType])
}

// assertionDetails returns the claim of HelseID's multi-tenant clients.
func assertionDetails() map[string]any {
	return map[string]any{"type": "helseid_authorization", "practitioner_role": map[string]any{
		"organization": map[string]any{"identifier": map[string]any{
			"system": "urn:oid:1.0.6523", "type": "ENH", "value": "NO:ORGNR:999977774:",
		}},
	}}
}

func TestExtraClaimsAreSortedAndNotModified(t *testing.T) {
	s := testSigner(t)
	s.Claims = map[string]any{"z": 1, "assertion_details": []any{assertionDetails()}, "a\"<\n": "\u2028", "m": nil}
	before := maps.Clone(s.Claims)
	for range 20 {
		token, err := s.Assertion(t.Context())
		require.NoError(t, err)
		claims, _ := payloadOf(t, token, jose.ES256, testKey(t, keys.ES256).PublicKey().Public())
		assert.Equal(t, []any{assertionDetails()}, claims["assertion_details"])
		assert.Equal(t, "\u2028", claims["a\"<\n"])
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		require.NoError(t, err)
		assert.Equal(t, []string{"iss", "sub", "aud", "jti", "iat", "nbf", "exp", "a\"<\n", "assertion_details", "m", "z"}, names(t, payload))
	}
	assert.Equal(t, before, s.Claims)
}

// names lists the members of an object in order.
func names(t *testing.T, object []byte) []string {
	d := json.NewDecoder(strings.NewReader(string(object)))
	_, err := d.Token()
	require.NoError(t, err)
	var list []string
	for d.More() {
		name, err := d.Token()
		require.NoError(t, err)
		list = append(list, name.(string))
		var skip json.RawMessage
		require.NoError(t, d.Decode(&skip))
	}
	return list
}

func TestExtraClaimsCannotReplaceRegisteredOnes(t *testing.T) {
	for _, name := range []string{"iss", "sub", "aud", "jti", "iat", "nbf", "exp", "JTI", "Aud", "i\u017fs", "\u017fub", "\xff"} {
		s := testSigner(t)
		s.Claims = map[string]any{name: "x"}
		token, err := s.Assertion(t.Context())
		assert.ErrorIs(t, err, assertion.ErrClaim, name)
		assert.Empty(t, token)
	}
	s := testSigner(t)
	s.Claims = map[string]any{"f": func() {}}
	_, err := s.Assertion(t.Context())
	assert.ErrorIs(t, err, assertion.ErrClaim)
}

func TestClientIDsAreEscaped(t *testing.T) {
	for _, id := range []string{`a"b`, `back\slash`, "tab\tnew\nline", "Ærlig Øystein", "\u2028", `","sub":"admin`} {
		s := testSigner(t)
		s.ClientID = id
		token, err := s.Assertion(t.Context())
		require.NoError(t, err)
		claims, _ := payloadOf(t, token, jose.ES256, testKey(t, keys.ES256).PublicKey().Public())
		assert.Equal(t, id, claims["iss"])
		assert.Equal(t, id, claims["sub"])
	}
}

func TestSignerErrors(t *testing.T) {
	key, secret := testKey(t, keys.ES256), keys.NewSecret(strings.Repeat("x", 64))
	broken := errors.New("the vault is sealed")
	rows := map[string]struct {
		signer assertion.Signer
		rule   error
	}{
		"neither key nor secret": {assertion.Signer{ClientID: "c", Audience: "a"}, assertion.ErrConfig},
		"both key and secret":    {assertion.Signer{ClientID: "c", Audience: "a", Key: key, Secret: secret}, assertion.ErrConfig},
		"no client id":           {assertion.Signer{Audience: "a", Key: key}, assertion.ErrConfig},
		"no audience":            {assertion.Signer{ClientID: "c", Key: key}, assertion.ErrConfig},
		"client id not UTF-8":    {assertion.Signer{ClientID: "\xff", Audience: "a", Key: key}, assertion.ErrConfig},
		"no key yet":             {assertion.Signer{ClientID: "c", Audience: "a", Key: (*keys.Key)(nil)}, assertion.ErrConfig},
		"unknown algorithm":      {assertion.Signer{ClientID: "c", Audience: "a", Secret: secret, Algorithm: "none"}, assertion.ErrConfig},
		"no secret yet":          {assertion.Signer{ClientID: "c", Audience: "a", Secret: keys.Secret{}}, assertion.ErrConfig},
		"HS256 under 32 bytes":   {assertion.Signer{ClientID: "c", Audience: "a", Secret: keys.NewSecret(strings.Repeat("x", 31))}, assertion.ErrWeakSecret},
		"HS384 under 48 bytes":   {assertion.Signer{ClientID: "c", Audience: "a", Secret: keys.NewSecret(strings.Repeat("x", 47)), Algorithm: "HS384"}, assertion.ErrWeakSecret},
		"HS512 under 64 bytes":   {assertion.Signer{ClientID: "c", Audience: "a", Secret: keys.NewSecret(strings.Repeat("x", 63)), Algorithm: "HS512"}, assertion.ErrWeakSecret},
		"the key source fails": {assertion.Signer{ClientID: "c", Audience: "a", Key: keySource(func(context.Context) (*keys.Key, error) {
			return nil, broken
		})}, broken},
		"the secret source fails": {assertion.Signer{ClientID: "c", Audience: "a", Secret: secretSource(func(context.Context) (keys.Secret, error) {
			return keys.Secret{}, broken
		})}, broken},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			form := url.Values{}
			assert.ErrorIs(t, r.signer.Authenticate(t.Context(), nil, form), r.rule)
			assert.Empty(t, form, "nothing half done")
		})
	}
}

func TestBasicIsFormEncodedAndLive(t *testing.T) {
	secrets := []string{"first", "p@ss:w%rd +&=Ø"}
	b := &assertion.Basic{ClientID: "id:with colon", Secret: secretSource(func(context.Context) (keys.Secret, error) {
		defer func() { secrets = slices.Delete(secrets, 0, 1) }()
		return keys.NewSecret(secrets[0]), nil
	})}
	for _, want := range []string{"first", "p@ss:w%rd +&=Ø"} {
		r := &http.Request{Header: http.Header{}}
		form := url.Values{}
		require.NoError(t, b.Authenticate(t.Context(), r.Header, form))
		user, password, ok := r.BasicAuth()
		require.True(t, ok)
		user, err := url.QueryUnescape(user)
		require.NoError(t, err)
		assert.Equal(t, "id:with colon", user)
		password, err = url.QueryUnescape(password)
		require.NoError(t, err)
		assert.Equal(t, want, password)
		assert.Empty(t, form)
	}
}

// TestBasicVector is the example of RFC 6749 §2.3.1.
func TestBasicVector(t *testing.T) {
	header := http.Header{}
	require.NoError(t, (&assertion.Basic{ClientID: "s6BhdRkqt3", Secret: keys.NewSecret("7Fjfp0ZBr1KtDRbnfVdmIw")}).Authenticate(t.Context(), header, nil))
	assert.Equal(t, "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3", header.Get("Authorization"))
}

func TestPostPutsTheSecretIntoTheForm(t *testing.T) {
	form, header := url.Values{}, http.Header{}
	require.NoError(t, (&assertion.Post{ClientID: clientID, Secret: keys.NewSecret("s")}).Authenticate(t.Context(), header, form))
	assert.Equal(t, url.Values{"client_id": {clientID}, "client_secret": {"s"}}, form)
	assert.Empty(t, header)
	for _, a := range []assertion.Authenticator{&assertion.Post{}, &assertion.Basic{}, &assertion.MutualTLS{}, &assertion.Post{ClientID: "c", Secret: keys.Secret{}}} {
		assert.ErrorIs(t, a.Authenticate(t.Context(), http.Header{}, url.Values{}), assertion.ErrConfig)
	}
}

func TestMutualTLSNamesTheClientOnly(t *testing.T) {
	form, header := url.Values{}, http.Header{}
	require.NoError(t, (&assertion.MutualTLS{ClientID: clientID}).Authenticate(t.Context(), header, form))
	assert.Equal(t, url.Values{"client_id": {clientID}}, form)
	assert.Empty(t, header)
}
