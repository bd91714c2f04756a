package main

import (
	"context"
	"crypto/x509/pkix"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (k *keycloakRealm) acceptsKey(key *keys.Key) bool {
	k.t.Helper()
	return k.accepts(selfservice.Credential{Key: key})
}

func TestKeycloakKeyUploadJWK(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		one, two, three := keystest.Key(t, keys.ES256), keystest.Key(t, keys.ES256), keystest.Key(t, keys.ES256)
		k.writeKey("one", one)
		k.writeKey("two", two)
		k.writeKey("three", three)
		r := k.do("keycloak key upload", "-c", clientID, "-p", k.path("one_public.json"))
		assertFails(t, r, "as not confirmed")
		for _, how := range []string{"-y", "-add"} {
			r = k.do("keycloak key upload", "-c", clientID, "-p", k.path("one_private.json"), "-y", how)
			assertFails(t, r, "private")
			assertNoSecrets(t, one, r)
		}
		require.True(t, k.acceptsSecret(k.secret), "nothing has been changed")

		assert.Equal(t, "Key: "+one.KeyID()+" ES256\n", k.must("keycloak key upload", "-y", "-p", k.path("one_public.json")))
		assert.True(t, k.acceptsKey(one))
		out := k.must("keycloak key upload", "-y", "--Add", "-p", k.path("two_public.json"))
		assert.Equal(t, "Key: "+one.KeyID()+" ES256\nKey: "+two.KeyID()+" ES256\n", out)
		assert.True(t, k.acceptsKey(one))
		assert.True(t, k.acceptsKey(two))
		status := k.must("keycloak status")
		assert.Contains(t, status, "Method: client-jwt\n")
		assert.Contains(t, status, out)
		k.must("keycloak key upload", "-y", "-p", k.path("three_public.json"))
		assert.False(t, k.acceptsKey(one))
		assert.True(t, k.acceptsKey(three))
	})
}

func TestKeycloakKeyUploadCertificateAndKeystore(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		certified := func() *keys.Key {
			key := keystest.Key(t, keys.ES256)
			key, err := key.With(keys.Options{KeyID: certs.KeyID(key.PublicKey())}) // Keycloak looks keys up by this id
			require.NoError(t, err)
			key, err = certs.SelfSign(t.Context(), key, certs.Template{Subject: pkix.Name{CommonName: clientID}})
			require.NoError(t, err)
			return key
		}
		one, two := certified(), certified()
		k.write("one.pem", string(certs.PEM(one.Certificates())))
		pfx, err := keystore.MarshalPKCS12(two, "entry", "password-of-the-store")
		require.NoError(t, err)
		k.write("two.pfx", string(pfx))
		k.write("password", "password-of-the-store\n")

		out := k.must("keycloak key upload", "-y", "-f", "certificate", "-p", k.path("one.pem"))
		assert.Contains(t, out, "Certificate: "+one.KeyID()+" expires 2")
		assert.True(t, k.acceptsKey(one))
		out = k.must("keycloak key upload", "-y", "-f", "PKCS12", "-p", k.path("two.pfx"), "-pwdp", k.path("password"), "--Alias", "entry")
		assert.Contains(t, out, "Certificate: "+two.KeyID()+" expires 2")
		assert.True(t, k.acceptsKey(two))
		assert.False(t, k.acceptsKey(one))
		assert.Contains(t, k.must("keycloak status"), out)

		for says, args := range map[string][]string{
			"--Format is jwks, certif":                         {"-f", "jwt", "-p", k.path("one.pem")},
			"--Add is for jwks":                                {"-f", "certificate", "-add", "-p", k.path("one.pem")},
			"the file of --PublicKeyPat":                       {"-p", k.path("absent")},
			"--PublicKeyPath: keystore: password not accepted": {"-f", "pkcs12", "-p", k.path("two.pfx"), "-pwdp", k.path("secret")},
		} {
			r := k.do("keycloak key upload", append(args, "-c", clientID, "-y")...)
			assertFails(t, r, says)
		}
		assert.True(t, k.acceptsKey(two))
	})
}

// A server may send anything, and there is no other copy of what it sends.
func TestWhatIsNoKeystoreIsSaved(t *testing.T) {
	t.Parallel()
	key, err := keystest.Key(t, keys.ES256).With(keys.Options{KeyID: clientID})
	require.NoError(t, err)
	jwk, err := key.PrivateJWK()
	require.NoError(t, err)
	for form, answer := range map[string]string{"a private JWK": string(jwk), "garbage": "garbage"} {
		t.Run(form, func(t *testing.T) {
			k := newProxiedRealm(t, func(server http.Handler, w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/download") {
					w.Header().Set("Content-Type", "application/octet-stream")
					io.WriteString(w, answer)
					return
				}
				server.ServeHTTP(w, r)
			})
			k.write("password", "password-of-the-store\n")
			r := k.do("keycloak key download", "-c", clientID, "-p", k.path("new"), "-pwdp", k.path("password"))
			assert.Equal(t, 0, r.code)
			assert.Equal(t, "KeystorePath: "+k.path("new")+"\n", r.stdout)
			assert.Contains(t, r.stderr, "is no keystore with this password and a certificate")
			assertNoSecrets(t, key, r)
			assert.Equal(t, answer, readPrivate(t, k.path("new")))
		})
	}
}

// The server would store the keys of a public client and still not ask for
// authentication.
func TestKeycloakKeyUploadRefusesAPublicClient(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		assert.Contains(t, k.must("keycloak status"), "Secret: made unknown expires never\n", "the secret was not generated")
		k.rest(http.MethodPost, "/admin/realms/"+k.realm.Name+"/clients", map[string]any{"clientId": "web", "publicClient": true})
		before := k.do("keycloak status", "-c", "web")
		assert.Equal(t, "ClientId: web\nEnabled: true\n", before.stdout)
		assert.Contains(t, before.stderr, "it authenticates in no way")
		key, err := keys.Generate(keys.ES256)
		require.NoError(t, err)
		k.write("key", string(key.PublicKey().JWK()))
		r := k.do("keycloak key upload", "-c", "web", "-p", k.path("key"), "-y")
		assertFails(t, r, "it is public or bearer-only")
		assert.Equal(t, before, k.do("keycloak status", "-c", "web"))
	})
}

// endWith stops a server at the end of the test. The server's own Close also
// closes connections that tests beside this one use.
func endWith(t *testing.T, server *httptest.Server) {
	t.Cleanup(func() { server.Config.Close() })
}

// publish serves a JWKS with the public part of the key.
func publish(t *testing.T, key *keys.Key) (address string) {
	server := httptest.NewServer(&keys.Handler{Keys: func(context.Context) (keys.Set, error) {
		return keys.Set{Keys: []*keys.PublicKey{key.PublicKey()}}, nil
	}})
	endWith(t, server)
	return server.URL
}
