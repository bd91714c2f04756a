package dpop

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// Proof is what one DPoP proof says (RFC 9449 §4.2).
type Proof struct {
	Method      string      // "htm", in the case it is sent in; empty: GET, as in net/http
	URL         string      // "htu" is this as net/http sends it, without user, query and fragment
	AccessToken keys.Secret // "ath" is its SHA-256; empty: none, as at a token endpoint
	Nonce       string      // "nonce", as the server gave it; empty: none
	IssuedAt    time.Time   // "iat", in whole seconds; zero: now
}

// Sign returns the proof as a compact JWS by key, with "typ" dpop+jwt, the
// public key as "jwk" and a fresh "jti" of 128 random bits. A proof is good
// for one request: make a new one for each attempt. It fails with [ErrURL],
// [ErrKey] or what the key's signer returns.
func Sign(ctx context.Context, key *keys.Key, p Proof) (string, error) {
	htu, err := textTarget(p.URL)
	if err != nil {
		return "", err
	}
	return sign(ctx, key, htu, tokenHash(p.AccessToken.Reveal()), p)
}

// sign is Sign with "htu" and "ath" given; it ignores p.URL and
// p.AccessToken.
func sign(ctx context.Context, key *keys.Key, htu, ath string, p Proof) (string, error) {
	if key == nil {
		return "", refuse(ErrKey, "")
	}
	if p.IssuedAt.IsZero() {
		p.IssuedAt = time.Now()
	}
	b := append(make([]byte, 0, 512), `{"jti":"`...)
	b = append(b, rand.Text()...) // base32: nothing to escape
	b = append(b, `","htm":`...)
	b = appendString(b, cmp.Or(p.Method, http.MethodGet))
	b = append(b, `,"htu":`...)
	b = appendString(b, htu)
	b = append(b, `,"iat":`...)
	b = strconv.AppendInt(b, p.IssuedAt.Unix(), 10)
	if ath != "" {
		b = append(b, `,"ath":"`...)
		b = append(b, ath...)
		b = append(b, '"')
	}
	if p.Nonce != "" {
		b = append(b, `,"nonce":`...)
		b = appendString(b, p.Nonce)
	}
	return key.Sign(ctx, keys.Header{Type: "dpop+jwt", EmbedJWK: true}, append(b, '}'))
}

// tokenHash returns the "ath" of a token; empty for none.
func tokenHash(token string) string {
	if token == "" {
		return ""
	}
	// Sizes that the compiler knows keep all but the result off the heap.
	sum := sha256.Sum256(append(make([]byte, 0, 2048), token...))
	return string(base64.RawURLEncoding.AppendEncode(make([]byte, 0, 43), sum[:]))
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
