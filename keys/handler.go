package keys

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Handler publishes a JWKS over HTTP (RFC 7517 §8.5.2), public members only.
type Handler struct {
	// Keys returns the current set. If it fails or is nil, the answer is 503 and
	// caches keep what they have.
	Keys func(ctx context.Context) (Set, error)

	// MaxAge is how long an answer may be cached, in whole seconds; zero: 5
	// minutes. Readers may not know a new key until it has passed.
	MaxAge time.Duration
}

const defaultMaxAge = 5 * time.Minute

func (h *Handler) maxAge() time.Duration {
	if h.MaxAge <= 0 {
		return defaultMaxAge
	}
	return h.MaxAge
}

func (h *Handler) keys(ctx context.Context) (Set, bool) {
	if h.Keys == nil {
		return Set{}, false
	}
	set, err := h.Keys(ctx)
	return set, err == nil
}

// ServeHTTP answers GET and HEAD with application/jwk-set+json, an ETag and
// Cache-Control, and with 304 if the reader has the current set.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	set, ok := h.keys(r.Context())
	if !ok {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "keys are not available", http.StatusServiceUnavailable)
		return
	}
	body, _ := set.MarshalJSON()
	sum := sha256.Sum256(body)
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", "public, max-age="+strconv.Itoa(int(h.maxAge()/time.Second)))
	if matches(strings.Join(r.Header.Values("If-None-Match"), ","), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		w.Write(body)
	}
}

// matches is the weak comparison of RFC 9110 §13.1.2.
func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == etag || part == "*" {
			return true
		}
	}
	return false
}
