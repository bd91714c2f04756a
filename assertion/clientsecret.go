package assertion

import (
	"context"
	"crypto"
	"crypto/hmac"
	_ "crypto/sha256" // the hashes that the algorithms name
	_ "crypto/sha512"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"

	"github.com/nokkel/nokkel/keys"
)

// Basic authenticates with client_secret_basic (RFC 6749 §2.3.1): the current
// secret in the Authorization header.
type Basic struct {
	ClientID string
	Secret   keys.SecretSource
}

// Authenticate sets the Authorization header; id and secret are form-encoded
// in it, as RFC 6749 asks and plain RFC 7617 does not.
func (b *Basic) Authenticate(ctx context.Context, header http.Header, _ url.Values) error {
	secret, err := reveal(ctx, b.ClientID, b.Secret)
	if err != nil {
		return err
	}
	pair := url.QueryEscape(b.ClientID) + ":" + url.QueryEscape(secret)
	header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	return nil
}

// Post authenticates with client_secret_post (RFC 6749 §2.3.1): the current
// secret in the form.
type Post struct {
	ClientID string
	Secret   keys.SecretSource
}

// Authenticate adds client_id and client_secret.
func (p *Post) Authenticate(ctx context.Context, _ http.Header, form url.Values) error {
	secret, err := reveal(ctx, p.ClientID, p.Secret)
	if err != nil {
		return err
	}
	form.Set("client_id", p.ClientID)
	form.Set("client_secret", secret)
	return nil
}

func reveal(ctx context.Context, clientID string, source keys.SecretSource) (string, error) {
	if clientID == "" || source == nil {
		return "", refuse(ErrConfig, "ClientID and Secret are needed")
	}
	secret, err := source.ClientSecret(ctx)
	if err != nil {
		return "", err
	}
	if secret.IsZero() {
		return "", refuse(ErrConfig, "the source gave no secret")
	}
	return secret.Reveal(), nil
}

// signHMAC makes the compact JWS of client_secret_jwt. Its key is the UTF-8
// form of the secret (OpenID Connect Core 1.0 §10.1) and must be as long as
// the hash (RFC 7518 §3.2).
func (s *Signer) signHMAC(ctx context.Context, claims []byte) (string, error) {
	alg, hash := s.Algorithm, crypto.SHA256
	switch alg {
	case "":
		alg = "HS256"
	case "HS256":
	case "HS384":
		hash = crypto.SHA384
	case "HS512":
		hash = crypto.SHA512
	default:
		return "", refuse(ErrConfig, "the Algorithm of a secret is HS256, HS384 or HS512")
	}
	secret, err := reveal(ctx, s.ClientID, s.Secret)
	if err != nil {
		return "", err
	}
	if len(secret) < hash.Size() {
		return "", refuse(ErrWeakSecret, alg+" needs "+strconv.Itoa(hash.Size())+" bytes")
	}
	header := appendString([]byte(`{"alg":"`+alg+`","typ":`), s.typ())
	enc := base64.RawURLEncoding
	token := enc.AppendEncode(make([]byte, 0, 1024), append(header, '}'))
	token = append(token, '.')
	token = enc.AppendEncode(token, claims)
	mac := hmac.New(hash.New, []byte(secret))
	mac.Write(token)
	token = append(token, '.')
	return string(enc.AppendEncode(token, mac.Sum(nil))), nil
}
