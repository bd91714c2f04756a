package dpop

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

// maxAccessToken bounds a token, in bytes.
const maxAccessToken = 16 << 10

// Call is a request to an API in plain values, from whatever protocol,
// without its Authorization.
type Call struct {
	Method      string            // as received, with its case
	URL         string            // as clients see it from outside, absolute; the query does not count
	Proofs      []string          // all values of the DPoP header field
	Certificate *x509.Certificate // the client's, of the TLS connection; may be nil
	Scopes      []string          // required of the token
}

// Verdict is the decision about a [Call].
type Verdict struct {
	Token  *Token      // nil if refused
	Status int         // of the answer if refused; else 200
	Header http.Header // for the answer in either case: challenges, nonce
	Err    error       // why it was refused; else nil
}

// Check decides about a call, given all values of its Authorization header
// field, and spends the proof if it accepts the call. It verifies the proof
// before it asks Tokens, and spends it after all other checks (RFC 9449
// §11.1). Err is a *[ProofError], an *[Error] with [ErrUnauthenticated],
// [ErrRequest], [ErrInvalidToken], [ErrScope], [ErrConfig] or a replay
// cache's rule, or the error of Tokens.
func (m *Middleware) Check(ctx context.Context, authorization []string, c Call) Verdict {
	if err := m.Validate(); err != nil {
		return m.refused(ctx, err, "")
	}
	scheme, token, err := credentials(authorization)
	if err != nil {
		return m.refused(ctx, err, scheme)
	}
	var t *Token
	if scheme == schemeDPoP {
		t, err = m.checkDPoP(ctx, c, token)
	} else {
		t, err = m.checkBearer(ctx, c, token)
	}
	if err != nil {
		return m.refused(ctx, err, scheme, c.Scopes...)
	}
	m.counts[0].Add(1)
	return Verdict{Token: t, Status: http.StatusOK, Header: m.header()}
}

const (
	schemeDPoP   = "DPoP"
	schemeBearer = "Bearer"
)

// credentials returns the scheme and the token of the one Authorization.
func credentials(values []string) (scheme, token string, err error) {
	switch len(values) {
	case 0:
		return "", "", refuse(ErrUnauthenticated, "no Authorization")
	case 1:
	default:
		return "", "", refuse(ErrRequest, "more than one Authorization")
	}
	word, rest, _ := strings.Cut(values[0], " ")
	for _, known := range [...]string{schemeDPoP, schemeBearer} {
		if strings.EqualFold(word, known) {
			scheme = known
		}
	}
	token = strings.Trim(rest, " ")
	switch {
	case scheme == "":
		return "", "", refuse(ErrUnauthenticated, "a scheme other than DPoP and Bearer")
	case token == "":
		return scheme, "", refuse(ErrRequest, "an Authorization without a token")
	case !isAccessToken(token):
		return scheme, "", refuse(ErrRequest, "what follows the scheme is not one token of at most 16 KiB")
	}
	return scheme, token, nil
}

// isAccessToken is RFC 6750 §2.1 and what some servers use beside it, but not
// the comma that would join two.
func isAccessToken(token string) bool {
	for i := range len(token) {
		if c := token[i]; c <= ' ' || c >= 0x7f || c == ',' || c == '"' {
			return false
		}
	}
	return len(token) <= maxAccessToken
}

func (m *Middleware) checkDPoP(ctx context.Context, c Call, token string) (*Token, error) {
	proof, err := m.Proofs.Check(ctx, Request{
		Method: c.Method, URL: c.URL, Proofs: c.Proofs, Token: keys.NewSecret(token), AnyKey: true,
	})
	if err != nil {
		return nil, err
	}
	t, err := m.token(ctx, token)
	if err != nil {
		return nil, err
	}
	switch {
	case t.JKT == "":
		return nil, refuse(ErrInvalidToken, "it is bound to no key")
	case !same(t.JKT, proof.JKT):
		return nil, refuse(ErrInvalidToken, "it is bound to a key other than that of the proof")
	}
	if err := checkCertificate(t, c.Certificate); err != nil {
		return nil, err
	}
	if !t.Has(c.Scopes...) {
		return nil, refuse(ErrScope, "")
	}
	return t, m.Proofs.Consume(ctx, proof)
}

func (m *Middleware) checkBearer(ctx context.Context, c Call, token string) (*Token, error) {
	switch {
	case len(c.Proofs) > 0:
		return nil, refuse(ErrRequest, "a proof with a bearer token")
	case m.Mode == RequireDPoP:
		return nil, refuse(ErrUnauthenticated, "a bearer token where DPoP is required")
	}
	t, err := m.token(ctx, token)
	if err != nil {
		return nil, err
	}
	switch {
	case t.JKT != "":
		return nil, refuse(ErrInvalidToken, "it is bound to a key and came as a bearer token")
	case t.X5T == "" && m.Mode != AllowBearer:
		return nil, refuse(ErrInvalidToken, "it is bound to nothing")
	}
	if err := checkCertificate(t, c.Certificate); err != nil {
		return nil, err
	}
	if !t.Has(c.Scopes...) {
		return nil, refuse(ErrScope, "")
	}
	return t, nil
}

func (m *Middleware) token(ctx context.Context, token string) (*Token, error) {
	t, err := m.Tokens.Token(ctx, token)
	if err == nil && t == nil {
		err = refuse(ErrConfig, "Tokens gave neither a token nor an error")
	}
	return t, err
}

// checkCertificate compares with the certificate of the connection (RFC 8705
// §3). Whether that is trusted is up to the server's tls.Config.
func checkCertificate(t *Token, c *x509.Certificate) error {
	if t.X5T == "" {
		return nil
	}
	if c == nil {
		return refuse(ErrInvalidToken, "it is bound to a certificate, and the connection has none")
	}
	sum := sha256.Sum256(c.Raw)
	if !same(t.X5T, base64.RawURLEncoding.EncodeToString(sum[:])) {
		return refuse(ErrInvalidToken, "it is bound to another certificate")
	}
	return nil
}
