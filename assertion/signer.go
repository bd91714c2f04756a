package assertion

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// AssertionType is the client_assertion_type of RFC 7523 §2.2.
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const (
	defaultType     = "client-authentication+jwt"
	defaultLifetime = 30 * time.Second
	maxLifetime     = 60 * time.Second
)

// Authenticator puts the client's authentication into one token request. It
// is called anew for every attempt that goes over the network.
type Authenticator interface {
	Authenticate(ctx context.Context, header http.Header, form url.Values) error
}

// Signer authenticates with private_key_jwt.
type Signer struct {
	ClientID string         // "iss" and "sub"
	Audience string         // "aud": the authorization server's issuer, one string
	Key      keys.Source    // the key of the moment
	Type     string         // "typ"; empty: client-authentication+jwt
	Lifetime time.Duration  // "exp" minus "iat"; zero: 30 s, at most 60 s
	Claims   map[string]any // more claims; they cannot replace the registered ones, and the map is only read
}

// Assertion returns a new assertion with a "jti" of 128 random bits.
func (s *Signer) Assertion(ctx context.Context) (string, error) {
	key, err := s.Key.SigningKey(ctx)
	if err != nil {
		return "", err
	}
	now := time.Now().Unix()
	var jti [16]byte
	rand.Read(jti[:])
	b := append(make([]byte, 0, 512), `{"iss":`...)
	b = appendString(b, s.ClientID)
	b = append(b, `,"sub":`...)
	b = appendString(b, s.ClientID)
	b = append(b, `,"aud":`...)
	b = appendString(b, s.Audience)
	b = append(b, `,"jti":"`...)
	b = base64.RawURLEncoding.AppendEncode(b, jti[:])
	b = append(b, `","iat":`...)
	b = strconv.AppendInt(b, now, 10)
	b = append(b, `,"nbf":`...)
	b = strconv.AppendInt(b, now, 10)
	b = append(b, `,"exp":`...)
	b = strconv.AppendInt(b, now+int64(s.lifetime()/time.Second), 10)
	for name, value := range s.Claims {
		v, err := json.Marshal(value)
		if err != nil {
			return "", err
		}
		b = append(b, ',')
		b = appendString(b, name)
		b = append(b, ':')
		b = append(b, v...)
	}
	return key.Sign(ctx, keys.Header{Type: s.typ()}, append(b, '}'))
}

// Authenticate adds client_id, client_assertion_type and client_assertion.
func (s *Signer) Authenticate(ctx context.Context, _ http.Header, form url.Values) error {
	a, err := s.Assertion(ctx)
	if err != nil {
		return err
	}
	form.Set("client_id", s.ClientID)
	form.Set("client_assertion_type", AssertionType)
	form.Set("client_assertion", a)
	return nil
}

func (s *Signer) typ() string {
	if s.Type == "" {
		return defaultType
	}
	return s.Type
}

func (s *Signer) lifetime() time.Duration {
	if s.Lifetime <= 0 {
		return defaultLifetime
	}
	return min(s.Lifetime, maxLifetime)
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
