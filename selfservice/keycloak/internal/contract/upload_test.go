package contract_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func certificateFile(k *keys.Key) admin.KeyFile {
	return admin.KeyFile{Format: admin.FormatCertificate, Content: certs.PEM(k.Certificates())}
}

func publicKeyFile(k *keys.Key) admin.KeyFile {
	der, err := x509.MarshalPKIXPublicKey(k.PublicKey().Public())
	if err != nil {
		panic(err)
	}
	return admin.KeyFile{Format: admin.FormatPublicKey, Content: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
}

// TestAnUploadThatFailsLeavesTheKey includes a public key that was to replace a
// certificate.
func TestAnUploadThatFailsLeavesTheKey(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		key := certified(t, keys.ES256)
		require.NoError(t, tg.admin.Upload(ctx, id, certificateFile(key)))
		realm := tg.realm
		realm.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			if !strings.HasSuffix(r.URL.Path, "/upload-certificate") {
				return http.DefaultTransport.RoundTrip(r)
			}
			return &http.Response{StatusCode: http.StatusBadGateway, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		})
		api := &admin.API{Realm: realm, Tokens: tg.tokens}
		require.ErrorIs(t, api.Upload(ctx, id, publicKeyFile(certified(t, keys.ES256))), admin.ErrRefused)
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{})) // so that no cached key is used
		assert.True(t, tg.acceptsKey("app", key))

		if tg.old() { // 26.0 accepts no EC key in this form
			require.ErrorIs(t, tg.admin.Upload(ctx, id, publicKeyFile(certified(t, keys.ES256))), admin.ErrRefused)
			assert.True(t, tg.acceptsKey("app", key))
		}
		next := withCertificate(t, rsaKey())
		require.NoError(t, tg.admin.Upload(ctx, id, publicKeyFile(next)), "old servers fail once here")
		assert.True(t, tg.acceptsKey("app", next))
		assert.False(t, tg.acceptsKey("app", key))
	})
}

func TestUploadsActAtOnce(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		const password = "changeit-7"
		files := map[string]func(*keys.Key) admin.KeyFile{
			"certificate": certificateFile,
			"public key":  publicKeyFile,
			"JWKS": func(k *keys.Key) admin.KeyFile {
				text, err := json.Marshal(set(k))
				require.NoError(t, err)
				return admin.KeyFile{Format: admin.FormatJWKS, Content: text}
			},
			"PKCS#12, its certificate": archive(t, admin.FormatPKCS12, keystore.MarshalPKCS12, password, false),
			"PKCS#12 as it is":         archive(t, admin.FormatPKCS12, keystore.MarshalPKCS12, password, true),
			"old PKCS#12 as it is":     archive(t, admin.FormatPKCS12, keystore.MarshalLegacyPKCS12, password, true),
			"JKS as it is":             archive(t, admin.FormatJKS, keystore.MarshalJKS, password, true),
		}
		last := certified(t, keys.ES256)
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(last)))
		require.True(t, tg.acceptsKey("app", last))
		used := 0
		for name, file := range files {
			key := withCertificate(t, rsaKeys()[used%2])
			used++
			require.NoError(t, tg.admin.Upload(ctx, id, file(key)), name)
			assert.True(t, tg.acceptsKey("app", key), name)
			assert.False(t, tg.acceptsKey("app", last), "the key before %s", name)
			stored, err := tg.admin.StoredKey(ctx, id)
			require.NoError(t, err, name)
			if name != "JWKS" || !tg.old() { // 26.0 shows the previous certificate, if any
				require.NotNil(t, stored.PublicKey, name)
				assert.Equal(t, key.Thumbprint(), stored.PublicKey.Thumbprint(), name)
			}
			if !strings.HasSuffix(name, "as it is") {
				assert.False(t, stored.PrivateKey, name)
			}
			last = key
		}
		ec := certified(t, keys.ES384)
		require.NoError(t, tg.admin.Upload(ctx, id, certificateFile(ec)))
		assert.True(t, tg.acceptsKey("app", ec), "an EC certificate")
	})
}

func archive(t *testing.T, format admin.Format, write func(*keys.Key, string, string) ([]byte, error), password string, private bool) func(*keys.Key) admin.KeyFile {
	return func(k *keys.Key) admin.KeyFile {
		content, err := write(k, "mine", password)
		require.NoError(t, err)
		return admin.KeyFile{Format: format, Content: content, Alias: "mine", Password: keys.NewSecret(password), Private: private}
	}
}

// TestAnUploadAloneIsNotSeen pins down what Upload works around.
func TestAnUploadAloneIsNotSeen(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		one, two := certified(t, keys.ES256), certified(t, keys.ES256)
		unseen := func() bool {
			require.NoError(t, tg.admin.Upload(ctx, id, certificateFile(one)))
			require.True(t, tg.acceptsKey("app", one))
			var body bytes.Buffer
			w := multipart.NewWriter(&body)
			require.NoError(t, w.WriteField("keystoreFormat", "Certificate PEM"))
			part, err := w.CreateFormFile("file", "cert.pem")
			require.NoError(t, err)
			part.Write(certs.PEM(two.Certificates()))
			require.NoError(t, w.Close())
			status, _ := tg.raw(http.MethodPost, tg.path("clients", id, "certificates/jwt.credential/upload-certificate"), w.FormDataContentType(), body.Bytes())
			require.Equal(t, http.StatusOK, status)
			// The server's cache has the old key.
			return !slices.Contains(tg.mindsOf(two), true) && !slices.Contains(tg.mindsOf(one), false)
		}
		assert.True(t, unlessCleared(unseen))
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{}))
		assert.True(t, tg.acceptsKey("app", two))
		assert.False(t, tg.acceptsKey("app", one))
	})
}

func TestNamesOfACertificatesKey(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		key := certified(t, keys.ES256)
		require.NoError(t, tg.admin.Upload(ctx, id, certificateFile(key)))
		thumbprint, err := key.With(keys.Options{KeyID: key.Thumbprint()})
		require.NoError(t, err)
		assert.True(t, tg.acceptsKey("app", key), "certs.KeyID")
		assert.False(t, tg.acceptsKey("app", thumbprint), "the RFC 7638 thumbprint")
	})
}

// TestAnExpiredCertificateStillAuthenticates pins down what CertificateCut says:
// watching the certificate's expiry is up to its owner.
func TestAnExpiredCertificateStillAuthenticates(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		key := newKey(t)
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"},
			NotBefore: time.Now().Add(-2 * day), NotAfter: time.Now().Add(-day),
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.PublicKey().Public(), key.Signer())
		require.NoError(t, err)
		certificate, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		key, err = key.With(keys.Options{KeyID: certs.KeyID(key.PublicKey()), Certificates: []*x509.Certificate{certificate}})
		require.NoError(t, err)
		require.NoError(t, tg.admin.Upload(ctx, id, certificateFile(key)))
		assert.True(t, tg.acceptsKey("app", key))
	})
}
