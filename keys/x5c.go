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
	sum := sha256.Sum256(certs[0].Raw)
	b = append(b, `],"x5t#S256":"`...)
	b = base64.RawURLEncoding.AppendEncode(b, sum[:])
	return append(b, '"')
}
