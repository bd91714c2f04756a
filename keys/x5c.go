package keys

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
)

// appendCertificates appends "x5c" (RFC 7517 §4.7: standard base64, padded)
// and "x5t#S256" (§4.9).
func appendCertificates(b []byte, certs []*x509.Certificate) []byte {
	b = append(b, `,"x5c":[`...)
	for i, c := range certs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, c.Raw)
		b = append(b, '"')
	}
	b = append(b, `],"x5t#S256":"`...)
	b = append(b, thumbprintOf(certs[0])...)
	return append(b, '"')
}

// certificates reads "x5c" and compares "x5t#S256" with it. "x5u" is never
// fetched and "x5t" (SHA-1) never believed.
func (m *members) certificates() []*x509.Certificate {
	var certs []*x509.Certificate
	for _, text := range m.list("x5c") {
		der, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			m.fail(ErrMalformed, "x5c is not standard base64")
			return nil
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			m.fail(ErrMalformed, "x5c holds no certificate")
			return nil
		}
		certs = append(certs, c)
	}
	if t := m.text("x5t#S256"); t != "" && len(certs) > 0 && t != thumbprintOf(certs[0]) {
		m.fail(ErrInconsistent, "x5t#S256 is not of the certificate in x5c")
	}
	return certs
}

func thumbprintOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
