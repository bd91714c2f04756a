package admin

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strings"
)

// The attributes of a client that authenticates with a TLS certificate.
const (
	subjectDN    = "x509.subjectdn"
	subjectRegex = "x509.allow.regex.pattern.comparison"
)

// SetCertificateSubject makes a client authenticate by mutual TLS
// (tls_client_auth, RFC 8705 §2.1), with any certificate that has the subject of
// like and was issued by an authority in the server's truststore. A renewed
// certificate then needs no change at the server. Use assertion.MutualTLS to get
// tokens.
//
// Keycloak is told to compare the subject as a name. By default it is a regular
// expression, in which a dot matches any character.
func (a *API) SetCertificateSubject(ctx context.Context, id string, like *x509.Certificate) error {
	name, err := distinguishedName(like.RawSubject)
	if err != nil {
		return err
	}
	return a.UpdateClient(ctx, id, Change{Method: MethodX509, Attributes: map[string]string{
		subjectDN: name, subjectRegex: "false",
	}})
}

// distinguishedName returns a DER name in the form of RFC 4514, so that Java reads
// the same name from it. Package pkix loses the order of the attributes and the
// types of their values, and Java compares both.
func distinguishedName(der []byte) (string, error) {
	type attribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	type relativeNameSET []attribute // package asn1 recognizes a SET by this suffix
	var sequence []relativeNameSET
	if rest, err := asn1.Unmarshal(der, &sequence); err != nil || len(rest) > 0 || len(sequence) == 0 {
		return "", refuse(ErrConfig, "a certificate without a subject")
	}
	var names []string
	for _, set := range slices.Backward(sequence) {
		if len(set) == 0 {
			return "", refuse(ErrConfig, "a subject with an empty relative name")
		}
		var values []string
		for _, a := range set {
			text := a.Type.String() + "=#" + hex.EncodeToString(a.Value.FullBytes)
			var value any
			asn1.Unmarshal(a.Value.FullBytes, &value) // leaves nil for types that it does not know
			if _, ok := value.(string); ok && ignoresType(a.Type) {
				text = pkix.RDNSequence{{{Type: a.Type, Value: value}}}.String() // readable
			}
			values = append(values, text)
		}
		names = append(names, strings.Join(values, "+"))
	}
	return strings.Join(names, ","), nil
}

// ignoresType reports whether Java compares the values of an attribute as text,
// whatever their type, and has the same short name for it as Go: CN, C, L, ST,
// STREET, O and OU (RFC 4514 §3).
func ignoresType(attribute asn1.ObjectIdentifier) bool {
	return len(attribute) == 4 && attribute[:3].Equal(asn1.ObjectIdentifier{2, 5, 4}) &&
		slices.Contains([]int{3, 6, 7, 8, 9, 10, 11}, attribute[3])
}
