package dpop

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// Proof is what one DPoP proof says (RFC 9449 §4.2).
type Proof struct {
	Method      string    // "htm", as it is sent: upper case for the usual ones
	URL         string    // "htu" is made of it: normalised, without query and fragment
	AccessToken string    // "ath" is its hash; empty: none, as at a token endpoint
	Nonce       string    // "nonce"; empty: none
	IssuedAt    time.Time // "iat", whole seconds; zero: now
}

// Sign returns the proof as a compact JWS by key, with a fresh 128-bit "jti".
func Sign(ctx context.Context, key *keys.Key, p Proof) (string, error) {
	htu, err := normalise(p.URL)
	if err != nil {
		return "", err
	}
	if p.IssuedAt.IsZero() {
		p.IssuedAt = time.Now()
	}
	var jti [16]byte
	rand.Read(jti[:])
	b := append(make([]byte, 0, 512), `{"jti":"`...)
	b = base64.RawURLEncoding.AppendEncode(b, jti[:])
	b = append(b, `","htm":`...)
	b = appendString(b, p.Method)
	b = append(b, `,"htu":`...)
	b = appendString(b, htu)
	b = append(b, `,"iat":`...)
	b = strconv.AppendInt(b, p.IssuedAt.Unix(), 10)
	if p.AccessToken != "" {
		sum := sha256.Sum256([]byte(p.AccessToken))
		b = append(b, `,"ath":"`...)
		b = base64.RawURLEncoding.AppendEncode(b, sum[:])
		b = append(b, '"')
	}
	if p.Nonce != "" {
		b = append(b, `,"nonce":`...)
		b = appendString(b, p.Nonce)
	}
	return key.Sign(ctx, keys.Header{Type: "dpop+jwt", EmbedJWK: true}, append(b, '}'))
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
