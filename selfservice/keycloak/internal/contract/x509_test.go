package contract_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// authority is the CA whose client certificates the live server accepts at
// KEYCLOAK_TLS_URL. KEYCLOAK_CA and KEYCLOAK_CA_KEY name the CA's files.
type authority struct {
	server, certificate, key string
	roots                    *x509.CertPool // that verify the server's certificate
}

func theAuthority(t *testing.T) authority {
	a := authority{server: os.Getenv("KEYCLOAK_TLS_URL"), certificate: os.Getenv("KEYCLOAK_CA"), key: os.Getenv("KEYCLOAK_CA_KEY")}
	if a.server == "" && (os.Getenv("NOKKEL_LIVE") != "1" || os.Getenv("KEYCLOAK_NODES") != "") {
		t.Skip("KEYCLOAK_TLS_URL is not set, as on a cluster")
	}
	text, err := os.ReadFile(a.certificate)
	require.NoError(t, err)
	a.roots = x509.NewCertPool()
	require.True(t, a.roots.AppendCertsFromPEM(text))
	return a
}

// certify issues a certificate for a request with openssl.
func (a authority) certify(t *testing.T, key *keys.Key, subject pkix.Name) *keys.Key {
	t.Helper()
	request, err := certs.Request(t.Context(), key, certs.Template{Subject: subject})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "request.pem")
	require.NoError(t, os.WriteFile(file, request, 0o600))
	answer, err := exec.Command("openssl", "x509", "-req", "-in", file, "-CA", a.certificate, "-CAkey", a.key, "-days", "1").Output()
	require.NoError(t, err)
	chain, err := certs.Parse(answer)
	require.NoError(t, err)
	key, err = certs.Attach(key, chain)
	require.NoError(t, err)
	return key
}

// tokens gets tokens over connections that present the key's certificate, or none
// if key is nil.
func (a authority) tokens(t *testing.T, tg *target, key *keys.Key) *assertion.TokenSource {
	t.Helper()
	base := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.roots}}
	t.Cleanup(base.CloseIdleConnections)
	if key != nil {
		base.TLSClientConfig.GetClientCertificate = certs.ClientCertificate(key) // even one that the server does not ask for
	}
	realm := keycloak.Realm{Server: a.server, Name: tg.realm.Name, Base: base}
	return realm.Tokens(&assertion.MutualTLS{ClientID: "app"}, nil)
}

// TestMutualTLS needs a live server, as the fake does not support mutual TLS.
func TestMutualTLS(t *testing.T) {
	tg, ca := live(t), theAuthority(t)
	ctx := t.Context()
	id, secret := tg.client("app", nil)
	key := ca.certify(t, newKey(t), pkix.Name{CommonName: "app.example"})
	require.NoError(t, tg.admin.SetCertificateSubject(ctx, id, key.Certificates()[0]))
	assert.False(t, tg.acceptsSecret("app", secret))

	token, err := ca.tokens(t, tg, key).Token(ctx)
	require.NoError(t, err)
	assert.Empty(t, confirmation(t, token))
	require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Attributes: map[string]string{"tls.client.certificate.bound.access.tokens": "true"}}))
	token, err = ca.tokens(t, tg, key).Token(ctx)
	require.NoError(t, err)
	assert.Equal(t, certs.SHA256(key.Certificates()[0]).Base64URL(), confirmation(t, token), "RFC 8705 §3.1")

	renewed := ca.certify(t, rsaKey(), pkix.Name{CommonName: "app.example"})
	_, err = ca.tokens(t, tg, renewed).Token(ctx)
	require.NoError(t, err, "another key of the same subject")
	for name, other := range map[string]*keys.Key{
		"another subject": ca.certify(t, newKey(t), pkix.Name{CommonName: "other.example"}),
		"a subject that the first one matches as a pattern": ca.certify(t, newKey(t), pkix.Name{CommonName: "appXexample"}),
		"no certificate": nil,
	} {
		_, err = ca.tokens(t, tg, other).Token(ctx)
		require.ErrorIs(t, err, assertion.ErrInvalidClient, name)
	}
	self, err := certs.SelfSign(ctx, newKey(t), certs.Template{Subject: pkix.Name{CommonName: "app.example"}})
	require.NoError(t, err)
	_, err = ca.tokens(t, tg, self).Token(ctx)
	require.Error(t, err, "the right subject by nobody's authority")
}

// confirmation returns "cnf"."x5t#S256" of an access token.
func confirmation(t *testing.T, token *assertion.Token) string {
	t.Helper()
	parts := strings.Split(token.AccessToken.Reveal(), ".")
	require.Len(t, parts, 3)
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims struct {
		Confirmation struct {
			Thumbprint string `json:"x5t#S256"`
		} `json:"cnf"`
	}
	require.NoError(t, json.Unmarshal(payload, &claims))
	return claims.Confirmation.Thumbprint
}

// TestMutualTLSOfEverySubject uses the order and the types of attributes that
// organisations' CAs use, and the characters that occur in names.
func TestMutualTLSOfEverySubject(t *testing.T) {
	tg, ca := live(t), theAuthority(t)
	id, _ := tg.client("app", nil)
	named := func(oid asn1.ObjectIdentifier, value any) pkix.Name {
		return pkix.Name{CommonName: "app", ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "app"}, {Type: oid, Value: value}, // in this order, as Go would put C first
		}}
	}
	utf8 := func(s string) any { return asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(s)} }
	for name, subject := range map[string]pkix.Name{
		"full": {CommonName: "app", Organization: []string{"Sykehus"}, OrganizationalUnit: []string{"IKT", "Drift"}, Country: []string{"NO"},
			Locality: []string{"Oslo"}, Province: []string{"Oslo"}, StreetAddress: []string{"Gata 1"}, PostalCode: []string{"0001"}, SerialNumber: "123"},
		"special characters":      {CommonName: ` #Sykehus, "A" + <B>; C\D=Å `},
		"country at the end":      named(asn1.ObjectIdentifier{2, 5, 4, 6}, "NO"),
		"organization":            named(asn1.ObjectIdentifier{2, 5, 4, 10}, utf8("Sykehus")),
		"serial number":           named(asn1.ObjectIdentifier{2, 5, 4, 5}, utf8("123")),
		"organization identifier": named(asn1.ObjectIdentifier{2, 5, 4, 97}, utf8("NTRNO-123456789")),
		"e-mail address":          named(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte("app@example.no")}),
		"user id":                 named(asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, utf8("app")),
	} {
		t.Run(name, func(t *testing.T) {
			key := ca.certify(t, newKey(t), subject)
			require.NoError(t, tg.admin.SetCertificateSubject(t.Context(), id, key.Certificates()[0]))
			_, err := ca.tokens(t, tg, key).Token(t.Context())
			assert.NoError(t, err)
		})
	}
}
