package admin_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMutualTLSNeedsASubject(t *testing.T) {
	err := unasked(t).SetCertificateSubject(t.Context(), "id", &x509.Certificate{RawSubject: []byte{0x30, 0}})
	require.ErrorIs(t, err, admin.ErrConfig)
}

// FuzzCertificateSubject reads any DER as the subject of a certificate.
func FuzzCertificateSubject(f *testing.F) {
	name := pkix.Name{CommonName: "app", Organization: []string{`a,b+"#`}, PostalCode: []string{"1"}}
	der, err := asn1.Marshal(name.ToRDNSequence())
	require.NoError(f, err)
	f.Add(der)
	f.Add([]byte("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x09\x01\x00")) // a common name that is a REAL
	f.Add([]byte("\x30\x02\x31\x00"))
	f.Fuzz(func(t *testing.T, der []byte) {
		var sent string
		base := roundTripper(func(r *http.Request) (*http.Response, error) {
			var body struct{ Attributes map[string]string }
			if r.Method == http.MethodPut {
				require.NoError(t, json.NewDecoder(r.Body).Decode(&body))
				sent = body.Attributes["x509.subjectdn"]
			}
			return always{http.StatusOK, []byte(`{"id":"1"}`)}.RoundTrip(r)
		})
		api := &admin.API{Tokens: fixed("token"), Realm: admin.Realm{Server: "https://k", Name: "r", Base: base}}
		if err := api.SetCertificateSubject(t.Context(), "1", &x509.Certificate{RawSubject: der}); err != nil {
			require.ErrorIs(t, err, admin.ErrConfig)
			return
		}
		assert.Contains(t, sent, "=")
		assert.NotContains(t, sent, `\<nil\>`)
	})
}
