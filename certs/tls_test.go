package certs_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/internal/certstest"
	"github.com/nokkel/nokkel/keys"
)

// rotating is a source with a replaceable key.
type rotating struct {
	key *keys.Key
	err error
}

func (r *rotating) SigningKey(context.Context) (*keys.Key, error) { return r.key, r.err }

func TestMutualTLSFollowsTheSource(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, certs.SHA256(r.TLS.PeerCertificates[0]).Base64URL()) // RFC 8705 §3.1 binds tokens to it
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()

	source := &rotating{}
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	transport.TLSClientConfig.GetClientCertificate = certs.ClientCertificate(source)
	for alg, key := range certstest.Keys() {
		source.key = key
		resp, err := (&http.Client{Transport: transport}).Get(server.URL)
		require.NoError(t, err, alg)
		bound, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, certs.SHA256(key.Certificates()[0]).Base64URL(), string(bound))
	}

	source.err = errors.New("no key yet")
	_, err := (&http.Client{Transport: transport}).Get(server.URL)
	require.ErrorIs(t, err, source.err)

	source.key, source.err = nil, nil
	_, err = (&http.Client{Transport: transport}).Get(server.URL)
	require.ErrorIs(t, err, keys.ErrNoPrivateKey)
}

func TestTLSNeedsACertificate(t *testing.T) {
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	_, err = certs.TLS(key)
	require.ErrorIs(t, err, certs.ErrNoCertificate)
}
