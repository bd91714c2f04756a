package assertion

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nokkel/nokkel/keys"
)

// AssertionType is the client_assertion_type of RFC 7523 §2.2.
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const (
	defaultType     = "client-authentication+jwt"
	defaultLifetime = 30 * time.Second
	maxLifetime     = 60 * time.Second
)

// Authenticator puts the client's authentication into one token request
// (RFC 6749 §2.3). It is called again for every attempt that goes over the
// network, and may be called from many goroutines. [Signer], [Basic], [Post],
// [MutualTLS] and [Moving] are the ones of this package.
type Authenticator interface {
	Authenticate(ctx context.Context, header http.Header, form url.Values) error
}

// Signer authenticates with a signed assertion (RFC 7523 §2.2, OpenID Connect
// Core 1.0 §9): private_key_jwt with Key, client_secret_jwt with Secret. One of
// the two must be set.
type Signer struct {
	ClientID  string            // "iss" and "sub"
	Audience  string            // "aud", one string: at most servers the issuer, at Okta the URL of the token endpoint
	Key       keys.Source       // the current private key
	Secret    keys.SecretSource // the current shared secret
	Algorithm string            // with Secret: HS256, HS384 or HS512; empty: HS256
	Type      string            // "typ"; empty: client-authentication+jwt
	Lifetime  time.Duration     // "exp" minus "iat"; zero: 30 s; more than 60 s is cut to 60 s, as servers refuse longer ones
	Claims    map[string]any    // more claims, such as HelseID's assertion_details; the map is only read
}

// Assertion returns a new assertion: a compact JWS with a "jti" of 128 random
// bits, "iat" and "nbf" of now. It fails with [ErrConfig], with [ErrClaim] when
// Claims names a registered claim (iss, sub, aud, jti, iat, nbf, exp, in any
// case), with [ErrWeakSecret] when Secret has fewer bytes than the hash, and
// with the error of the source.
func (s *Signer) Assertion(ctx context.Context) (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	claims, err := s.claims(time.Now())
	if err != nil {
		return "", err
	}
	if s.Key == nil {
		return s.signHMAC(ctx, claims)
	}
	key, err := signingKey(ctx, s.Key)
	if err != nil {
		return "", err
	}
	return key.Sign(ctx, keys.Header{Type: s.typ()}, claims)
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

func signingKey(ctx context.Context, source keys.Source) (*keys.Key, error) {
	key, err := source.SigningKey(ctx)
	if err == nil && key == nil {
		err = refuse(ErrConfig, "the source gave no key")
	}
	return key, err
}

func (s *Signer) check() error {
	switch {
	case (s.Key == nil) == (s.Secret == nil):
		return refuse(ErrConfig, "a Signer has either Key or Secret")
	case s.ClientID == "" || s.Audience == "":
		return refuse(ErrConfig, "a Signer needs ClientID and Audience")
	case !utf8.ValidString(s.ClientID) || !utf8.ValidString(s.Audience):
		return refuse(ErrConfig, "ClientID or Audience is not UTF-8")
	}
	return nil
}

// claims returns the payload, its members in the same order every time.
func (s *Signer) claims(now time.Time) ([]byte, error) {
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
	b = strconv.AppendInt(b, now.Unix(), 10)
	b = append(b, `,"nbf":`...)
	b = strconv.AppendInt(b, now.Unix(), 10)
	b = append(b, `,"exp":`...)
	b = strconv.AppendInt(b, now.Unix()+s.lifetimeSeconds(), 10)
	if len(s.Claims) > 0 {
		var err error
		if b, err = appendClaims(b, s.Claims); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendClaims appends the caller's claims, sorted by name. A name that equals
// a registered one but for its case, by Unicode's folding ("iſs"), is refused
// too: some servers match names so, and would let it replace the real one.
func appendClaims(b []byte, claims map[string]any) ([]byte, error) {
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		for _, registered := range [...]string{"iss", "sub", "aud", "jti", "iat", "nbf", "exp"} {
			if strings.EqualFold(name, registered) {
				return nil, refuse(ErrClaim, "it names a registered claim")
			}
		}
		if !utf8.ValidString(name) {
			return nil, refuse(ErrClaim, "its name is not UTF-8")
		}
		value, err := json.Marshal(claims[name])
		if err != nil {
			return nil, refuse(ErrClaim, "its value cannot be written as JSON")
		}
		b = append(b, ',')
		b = appendString(b, name)
		b = append(b, ':')
		b = append(b, value...)
	}
	return b, nil
}

func (s *Signer) typ() string {
	if s.Type == "" {
		return defaultType
	}
	return s.Type
}

// lifetimeSeconds rounds up, so that no assertion is born expired.
func (s *Signer) lifetimeSeconds() int64 {
	if s.Lifetime <= 0 {
		return int64(defaultLifetime / time.Second)
	}
	return int64((min(s.Lifetime, maxLifetime) + time.Second - 1) / time.Second)
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
