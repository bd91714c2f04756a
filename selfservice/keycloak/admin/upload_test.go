package admin_test

import (
	"crypto/x509/pkix"
	"encoding/json"
	"testing"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/require"
)

func TestUploadRefusesWhatIsNotWhatItSays(t *testing.T) {
	key, err := certs.SelfSign(t.Context(), keystest.Key(t, keys.ES256), certs.Template{Subject: pkix.Name{CommonName: "app"}})
	require.NoError(t, err)
	private, err := key.PrivatePEM()
	require.NoError(t, err)
	two, err := json.Marshal(keys.Set{Keys: []*keys.PublicKey{keystest.Key(t, keys.ES256).PublicKey(), keystest.Key(t, keys.ES256).PublicKey()}})
	require.NoError(t, err)
	for name, f := range map[string]admin.KeyFile{
		"a private key":                  {Format: admin.FormatPublicKey, Content: private},
		"a bare key as a certificate":    {Format: admin.FormatCertificate, Content: keystest.Key(t, keys.ES256).PublicKey().JWK()},
		"two keys as one":                {Format: admin.FormatPublicKey, Content: two},
		"BCFKS that would leave nothing": {Format: admin.FormatBCFKS, Content: []byte("x")},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, unasked(t).Upload(t.Context(), "id", f), admin.ErrConfig)
		})
	}
	require.Error(t, unasked(t).Upload(t.Context(), "id", admin.KeyFile{Format: admin.FormatJWKS, Content: []byte("garbage")}))
	for _, unknown := range []admin.Format{"", "PEM", "jks"} { // the server answers these with 500
		err := unasked(t).Upload(t.Context(), "id", admin.KeyFile{Format: unknown, Content: certs.PEM(key.Certificates())})
		require.ErrorIs(t, err, admin.ErrConfig)
	}
}
