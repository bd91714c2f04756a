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

// The attributes of a client that proves itself with a TLS certificate.
const (
	subjectDN    = "x509.subjectdn"
	subjectRegex = "x509.allow.regex.pattern.comparison"
)

// SetCertificateSubject makes a client authenticate over mutual TLS
// (tls_client_auth, RFC 8705 §2.1) with any certificate of the same subject
// that an authority in the server's truststore has issued. So a renewed
// certificate needs no change here. assertion.MutualTLS is what gets tokens
// then.
//
// The subject is compared as a name: by default Keycloak would take it as a
// regular expression, in which a dot stands for any character.
func (a *API) SetCertificateSubject(ctx context.Context, id string, like *x509.Certificate) error {
	name, err := distinguishedName(like.RawSubject)
	if err != nil {
		return err
	}
	return a.UpdateClient(ctx, id, Change{Method: MethodX509, Attributes: map[string]string{
		subjectDN: name, subjectRegex: "false",
	}})
}

// distinguishedName writes a DER name as RFC 4514 says, so that Java reads the
// same name from it. The x509 package has no such form: it loses the order of
// the attributes and the types of their values, and Java compares both.
func distinguishedName(der []byte) (string, error) {
	type attribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	type relativeNameSET []attribute // asn1 knows a SET by the end of its name
	var sequence []relativeNameSET
	if rest, err := asn1.Unmarshal(der, &sequence); err != nil || len(rest) > 0 || len(sequence) == 0 {
		return "", refuse(ErrConfig, "a certificate without a subject")
	}
	var names []string
	for _, set := range slices.Backward(sequence) {
		if len(set) == 0 {
			return "", refuse(ErrConfig, "a subject with an empty name in it")
		}
		var values []string
		for _, a := range set {
			text := a.Type.String() + "=#" + hex.EncodeToString(a.Value.FullBytes)
			var value any
			asn1.Unmarshal(a.Value.FullBytes, &value) // leaves nil of what it does not know
			if _, ok := value.(string); ok && ignoresType(a.Type) {
				text = pkix.RDNSequence{{{Type: a.Type, Value: value}}}.String() // for people to read
			}
			values = append(values, text)
		}
		names = append(names, strings.Join(values, "+"))
	}
	return strings.Join(names, ","), nil
}

// ignoresType tells the attributes that Java knows by the short name that Go
// has for them, and whose values it compares as text, whatever their type:
// CN, C, L, ST, STREET, O and OU of RFC 4514 §3.
func ignoresType(attribute asn1.ObjectIdentifier) bool {
	return len(attribute) == 4 && attribute[:3].Equal(asn1.ObjectIdentifier{2, 5, 4}) &&
		slices.Contains([]int{3, 6, 7, 8, 9, 10, 11}, attribute[3])
}
