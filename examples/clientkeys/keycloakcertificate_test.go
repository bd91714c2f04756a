package main

import (
	"os"
	"testing"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// certificate runs generatecertificate and returns the key of the .pfx. The file
// "password" holds its password.
func (k *keycloakRealm) certificate(name string) *keys.Key {
	k.t.Helper()
	k.write("password", "password-of-the-pfx\n")
	r := invoke(k.t, "", "generatecertificate", "-cn", name, "-dir", k.dir, "-pwdp", k.path("password"), "-alg", "ES256")
	require.Equal(k.t, 0, r.code, r.stderr)
	key, err := keystore.ParseKey(read(k.t, k.path(name+"_private.pfx")), "", "password-of-the-pfx")
	require.NoError(k.t, err)
	return key
}

func TestKeycloakRotateReadsThePFX(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		old := k.certificate("mine")
		k.must("keycloak key upload", "-y", "-p", k.path("mine_public.pem"))
		require.True(t, k.acceptsKey(old))
		rotate := []string{"-c", clientID, "--Propagation", "1ms", "-s", k.path("state"), "-ep", k.path("mine_private.pfx")}
		k.write("wrong", "another-password\n")
		for says, password := range map[string]string{
			"--ExistingPrivateJwkPath is a keystore: missing --ExistingPrivateJwkPasswordPath or CLIENTKEYS_PASSWORD": "",
			"--ExistingPrivateJwkPath: keystore: password not accepted":                                               k.path("wrong"),
			"the file of --ExistingPrivateJwkPasswordPath: no such file":                                              k.path("absent"),
		} {
			r := k.do("keycloak rotate", append(rotate, "--ExistingPrivateJwkPasswordPath", password)...)
			assertFails(t, r, says)
			assert.NotContains(t, r.stderr, "another-password")
			assert.NoDirExists(t, k.path("state"))
		}
		r := k.do("keycloak rotate", append(rotate, "--ExistingPrivateJwkPasswordPath", k.path("password"))...)
		require.Equal(t, 0, r.code, r.stderr)
		st := k.status()
		assert.Equal(t, "OldKid: "+old.KeyID()+"\nNewKid: "+st.Active.KeyID+"\nExpiration: never\n", r.stdout)
		assertNoSecrets(t, old, r)
	})
}

func TestKeycloakCertificateRotate(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		old := k.certificate("mine")
		k.must("keycloak key upload", "-y", "-f", "certificate", "-p", k.path("mine_public.pem"))
		setenv(t, passwordVariable, "password-of-the-pfx")
		state := []string{"-c", clientID, "-s", k.path("state"), "-ep", k.path("mine_private.pfx")}
		r := k.do("keycloak rotate", state...)
		assert.Equal(t, 1, r.code, "the client has no JWKS")
		r = k.do("keycloak certificate rotate", append(state, "--IfDue")...)
		require.Equal(t, 0, r.code, r.stderr)
		r = k.do("keycloak certificate rotate", append(state, "-vm", "12")...)
		require.Equal(t, 0, r.code, r.stderr)
		assert.Regexp(t, `^OldKid: \S+\nNewKid: \S+\nExpiration: 2\S+Z\n$`, r.stdout)

		r = invoke(t, "", "state", "export", "-s", k.path("state"), "-p", k.path("next.pfx"), "-f", "pfx")
		require.Equal(t, 0, r.code, r.stderr)
		next, err := keystore.ParseKey(read(t, k.path("next.pfx")), "mine", "password-of-the-pfx")
		require.NoError(t, err)
		next, err = next.With(keys.Options{KeyID: certs.KeyID(next.PublicKey())}) // Keycloak looks keys up by this id
		require.NoError(t, err)
		assert.Equal(t, next.KeyID(), k.status().Active.KeyID)
		assert.True(t, k.acceptsKey(next))
		byKeyID, err := old.With(keys.Options{KeyID: certs.KeyID(old.PublicKey())})
		require.NoError(t, err)
		assert.False(t, k.acceptsKey(byKeyID), "Keycloak keeps one certificate")
		assert.Contains(t, k.must("keycloak status"), "Certificate: "+next.KeyID()+" expires 2")
		assert.WithinDuration(t, next.Certificates()[0].NotBefore.AddDate(0, 12, 0), next.Certificates()[0].NotAfter, 24*60*60*1e9)
	})
}

func TestKeycloakKeyGenerateAndDownload(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		k.write("password", "password-of-the-store\n")
		with := []string{"-c", clientID, "-pwdp", k.path("password"), "-p", k.path("new.p12")}
		r := k.do("keycloak key generate", with...)
		assertFails(t, r, "as not confirmed")
		r = k.do("keycloak key generate", "-c", clientID, "-y", "-p", k.path("new.p12"))
		assertFails(t, r, "missing --PasswordPath or CLIENTKEYS_PASSWORD")
		r = k.do("keycloak key generate", append(with, "-y", "-f", "pem")...)
		assert.Contains(t, r.stderr, "--Format is pkcs12 or jks")
		r = k.do("keycloak key generate", "-c", clientID, "-y", "-pwdp", k.path("password"), "-p", k.path("secret"))
		assert.Contains(t, r.stderr, "the file of --KeystorePath exists")
		assert.NoFileExists(t, k.path("new.p12"))
		require.True(t, k.acceptsSecret(k.secret), "nothing has been changed")

		r = k.do("keycloak key generate", append(with, "-y")...)
		require.Equal(t, 0, r.code, r.stderr)
		key, err := keystore.ParseKey(read(t, k.path("new.p12")), clientID, "password-of-the-store")
		require.NoError(t, err)
		kid := certs.KeyID(key.PublicKey())
		assert.Regexp(t, `^KeystorePath: `+k.path("new.p12")+"\nKey: "+kid+` made 2\S+Z expires 2\S+Z\n$`, r.stdout)
		assert.Equal(t, os.FileMode(0o600), mode(t, k.path("new.p12")))
		assertNoSecrets(t, key, r)
		key, err = key.With(keys.Options{KeyID: kid})
		require.NoError(t, err)
		assert.True(t, k.acceptsKey(key))
		assert.Contains(t, k.must("keycloak status"), "Certificate: "+kid)

		info, err := k.admin.FindClient(t.Context(), clientID)
		require.NoError(t, err)
		stored, err := k.admin.GenerateKey(t.Context(), info.ID)
		require.NoError(t, err)
		out := k.must("keycloak key download", "-pwdp", k.path("password"), "-p", k.path("stored.jks"), "-f", "jks", "--Alias", "mine")
		assert.Contains(t, out, "KeystorePath: "+k.path("stored.jks")+"\nKey: "+certs.KeyID(stored.PublicKey())+" made 2")
		downloaded, err := keystore.ParseKey(read(t, k.path("stored.jks")), "mine", "password-of-the-store")
		require.NoError(t, err)
		assert.Equal(t, stored.Thumbprint(), downloaded.Thumbprint())
		assert.Equal(t, os.FileMode(0o600), mode(t, k.path("stored.jks")))
	})
}

func TestKeycloakKeyDownloadWithoutAKeyLeavesNoFile(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		setenv(t, passwordVariable, "password-of-the-store")
		r := k.do("keycloak key download", "-c", clientID, "-p", k.path("none.p12"))
		assertFails(t, r, "nothing was saved")
		assert.Empty(t, r.stdout)
		assert.NoFileExists(t, k.path("none.p12"))
		assert.True(t, k.accepts(selfservice.Credential{Secret: k.secret}))
	})
}
