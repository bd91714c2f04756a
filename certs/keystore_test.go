package certs_test

import (
	"context"
	"crypto/x509/pkix"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/keys"
)

const (
	alias    = "my client"
	password = "changeit" // the shortest that keytool takes has 6 characters
)

// signingKeys are one key of each kind with a self-signed certificate, made
// once.
var signingKeys = sync.OnceValue(func() map[string]*keys.Key {
	all := map[string]*keys.Key{}
	for _, alg := range []keys.Algorithm{keys.RS512, keys.ES256, keys.EdDSA} {
		key, err := keys.Generate(alg)
		if alg == keys.RS512 {
			key, err = keys.GenerateRSA(alg, 2048)
		}
		if err == nil {
			key, err = certs.SelfSign(context.Background(), key, certs.Template{Subject: pkix.Name{CommonName: "my client"}})
		}
		if err != nil {
			panic(err)
		}
		all[string(alg)] = key
	}
	return all
})

// writers are the three kinds of keystore that the package makes.
var writers = map[string]func(key *keys.Key, alias, password string) ([]byte, error){
	"modern PKCS12": certs.MarshalPKCS12,
	"legacy PKCS12": certs.MarshalLegacyPKCS12,
	"JKS":           certs.MarshalJKS,
}

func TestKeystoresOpenElsewhere(t *testing.T) {
	for format, marshal := range writers {
		for alg, key := range signingKeys() {
			t.Run(format+"/"+alg, func(t *testing.T) {
				t.Parallel()
				store, err := marshal(key, alias, password)
				require.NoError(t, err)
				own, err := certs.ParseKey(store, alias, password)
				require.NoError(t, err)
				requireSame(t, key, own)

				name := file(t, store)
				listed := tool(t, "keytool", "-list", "-keystore", name, "-storepass", password, "-alias", alias)
				assert.Contains(t, listed, "my client,")
				assert.Contains(t, listed, "PrivateKeyEntry")
				other := filepath.Join(t.TempDir(), "other")
				tool(t, "keytool", "-importkeystore", "-srckeystore", name, "-srcstorepass", password, "-srcalias", alias,
					"-destkeystore", other, "-deststoretype", "PKCS12", "-deststorepass", password, "-noprompt")
				back, err := certs.ParseKey(read(t, other), alias, password)
				require.NoError(t, err)
				requireSame(t, key, back)

				if format != "JKS" {
					out := tool(t, "openssl", "pkcs12", "-in", name, "-passin", "pass:"+password, "-nodes")
					assert.Contains(t, out, "friendlyName: my client")
					back, err := certs.ParseKey([]byte(out), "", "")
					require.NoError(t, err)
					requireSame(t, key, back)
				}
			})
		}
	}
}

// requireSame compares private material and chain.
func requireSame(t *testing.T, want, got *keys.Key) {
	t.Helper()
	w, err := want.PrivatePEM()
	require.NoError(t, err)
	g, err := got.PrivatePEM()
	require.NoError(t, err)
	require.Equal(t, string(w), string(g))
	require.Len(t, got.Certificates(), len(want.Certificates()))
	for i, c := range want.Certificates() {
		require.True(t, c.Equal(got.Certificates()[i]))
	}
}
