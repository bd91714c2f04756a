package assertion

import (
	"context"
	"net/http"
	"net/url"
)

// MutualTLS authenticates with the certificate of the TLS connection, and
// names the client in the form (RFC 8705 §2: tls_client_auth and
// self_signed_tls_client_auth). The Base of a [TokenSource] or [Transport]
// presents the certificate:
//
//	base := http.DefaultTransport.(*http.Transport).Clone()
//	base.TLSClientConfig = &tls.Config{GetClientCertificate: certs.ClientCertificate(key)}
//
// A connection keeps the certificate that it was opened with.
type MutualTLS struct {
	ClientID string
}

// Authenticate adds client_id.
func (m *MutualTLS) Authenticate(_ context.Context, _ http.Header, form url.Values) error {
	if m.ClientID == "" {
		return refuse(ErrConfig, "a ClientID is needed")
	}
	form.Set("client_id", m.ClientID)
	return nil
}
