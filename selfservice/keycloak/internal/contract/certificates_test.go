package contract_test

import (
	"context"
	"crypto/x509/pkix"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// certified returns a new key with a certificate, under the kid by which
// Keycloak finds it.
func certified(t *testing.T, alg keys.Algorithm) *keys.Key {
	t.Helper()
	key, err := keys.Generate(alg)
	require.NoError(t, err)
	return withCertificate(t, key)
}

func withCertificate(t *testing.T, key *keys.Key) *keys.Key {
	t.Helper()
	key, err := key.With(keys.Options{KeyID: certs.KeyID(key.PublicKey())})
	require.NoError(t, err)
	key, err = certs.SelfSign(context.Background(), key, certs.Template{Subject: pkix.Name{CommonName: "app"}})
	require.NoError(t, err)
	return key
}

func TestKeystoresThatTheServerMakes(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		jwks := newKey(t)
		for _, format := range []admin.Format{admin.FormatPKCS12, admin.FormatJKS} {
			k := admin.Keystore{Format: format, Alias: "mine", Password: keys.NewSecret("changeit-7")}
			if !tg.old() {
				k.Bits, k.Years = 2048, 1
			}
			require.NoError(t, tg.admin.SetKeys(ctx, id, set(jwks)))
			require.True(t, tg.acceptsKey("app", jwks))
			content, err := tg.admin.GenerateKeystore(ctx, id, k)
			require.NoError(t, err, format)
			key, err := k.Key(content)
			require.NoError(t, err, format)
			require.NotEmpty(t, key.Certificates(), format)
			entries, err := keystore.Parse(content, "changeit-7")
			require.NoError(t, err, format)
			assert.Len(t, entries, 1, "and not the realm's certificate")
			keytool(t, content, "mine", "changeit-7")
			assert.True(t, tg.acceptsKey("app", key), format)
			assert.False(t, tg.acceptsKey("app", jwks), format)
			stored, err := tg.admin.StoredKey(ctx, id)
			require.NoError(t, err)
			assert.False(t, stored.PrivateKey, format)
			assert.Equal(t, key.KeyID(), stored.KeyID, format)
			assert.Equal(t, key.KeyID(), stored.PublicKey.KeyID(), format)
		}

		require.NoError(t, tg.admin.SetKeys(ctx, id, set(jwks)))
		key, err := tg.admin.GenerateKey(ctx, id)
		require.NoError(t, err)
		assert.True(t, tg.acceptsKey("app", key), "as it is returned")
		assert.False(t, tg.acceptsKey("app", jwks))
		content, err := tg.admin.DownloadKeystore(ctx, id, admin.Keystore{Format: admin.FormatPKCS12, Alias: "again", Password: keys.NewSecret("changeit-7")})
		require.NoError(t, err)
		again, err := keystore.ParseKey(content, "again", "changeit-7")
		require.NoError(t, err)
		assert.Equal(t, key.Thumbprint(), again.Thumbprint())
		info, err := tg.admin.Client(ctx, id)
		require.NoError(t, err)
		assert.NotContains(t, info.Attributes, "jwt.credential.private.key")
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Attributes: map[string]string{"saml.signing.private.key": "MIIsecret"}}))
		info, err = tg.admin.Client(ctx, id)
		require.NoError(t, err)
		assert.NotContains(t, info.Attributes, "saml.signing.private.key")

		_, err = tg.admin.GenerateKeystore(ctx, id, admin.Keystore{Format: admin.FormatCertificate, Alias: "a", Password: keys.NewSecret("b")})
		require.ErrorIs(t, err, admin.ErrConfig)
	})
}

// keytool confirms independently that an archive holds the alias.
func keytool(t *testing.T, content []byte, alias, password string) {
	t.Helper()
	program, err := exec.LookPath("keytool")
	if err != nil {
		if os.Getenv("NOKKEL_LIVE") == "1" {
			t.Fatal("NOKKEL_LIVE=1, but there is no keytool")
		}
		t.Log("no keytool: only package keystore opened the archive")
		return
	}
	name := filepath.Join(t.TempDir(), "keystore")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	out, err := exec.Command(program, "-list", "-keystore", name, "-storepass", password, "-alias", alias).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "PrivateKeyEntry")
}

// TestACertificatesKeyServesFromTheFirstRequest checks that a Rotator replaces the
// default kid of a key from a keystore, which Keycloak does not know.
func TestACertificatesKeyServesFromTheFirstRequest(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		for _, how := range []string{"generated", "uploaded"} {
			id, _ := tg.client(how, nil)
			k := admin.Keystore{Format: admin.FormatPKCS12, Alias: "mine", Password: keys.NewSecret("changeit-7")}
			if !tg.old() {
				k.Bits = 2048 // quick to make
			}
			var content []byte
			var err error
			if how == "generated" {
				content, err = tg.admin.GenerateKeystore(ctx, id, k)
			} else {
				uploaded := certified(t, keys.ES256)
				require.NoError(t, tg.admin.Upload(ctx, id, certificateFile(uploaded)))
				content, err = keystore.MarshalPKCS12(uploaded, "mine", "changeit-7")
			}
			require.NoError(t, err)
			key, err := keystore.ParseKey(content, "mine", "changeit-7")
			require.NoError(t, err)
			require.False(t, tg.acceptsKey(how, key), "what this is about")
			provider := keycloak.Certificate{Client: &keycloak.Client{Realm: tg.realm, ClientID: how, Admin: tg.admin}}
			r := &selfservice.Rotator{Provider: provider, Store: &selfservice.Mem{}, Timing: tg.short()}
			require.NoError(t, r.Adopt(ctx, selfservice.Credential{Key: key}))
			_, err = tg.realm.Tokens(tg.realm.Signer(how, r), nil).Token(ctx)
			require.NoError(t, err)
			require.NoError(t, r.Rotate(ctx))
			_, err = tg.realm.Tokens(tg.realm.Signer(how, r), nil).Token(ctx)
			require.NoError(t, err)
		}
	})
}

// TestALostReplyLosesNoKey checks that the old key still works when the response
// with the server's new key is lost.
func TestALostReplyLosesNoKey(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		realm := tg.realm
		realm.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err == nil && strings.Contains(r.URL.Path, "/generate") {
				resp.Body.Close()
				return nil, io.ErrUnexpectedEOF
			}
			return resp, err
		})
		lossy := &admin.API{Realm: realm, Tokens: tg.tokens}
		stored, certificate := newKey(t), certified(t, keys.ES256)
		for name, key := range map[string]*keys.Key{"jwks": stored, "certificate": certificate} {
			id, _ := tg.client(name, nil)
			if name == "jwks" {
				require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
			} else {
				require.NoError(t, tg.admin.Upload(ctx, id, certificateFile(key)))
			}
			_, err := lossy.GenerateKey(ctx, id)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
			require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{})) // so that no cached key is used
			assert.True(t, tg.acceptsKey(name, key), name)
		}
	})
}
