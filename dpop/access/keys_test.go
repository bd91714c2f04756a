package access_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/internal/respbody/slowtest"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// endless is a body without end that counts the bytes read.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func (e *endless) Close() error { return nil }

// badSets returns responses that are not key sets.
func badSets(t *testing.T) map[string]func() (*http.Response, error) {
	body := func(text string) func() (*http.Response, error) {
		return func() (*http.Response, error) { return answer(200, text), nil }
	}
	one := string(testKey(t, keys.ES256, 3).PublicKey().JWK())
	private, err := testKey(t, keys.ES256, 3).PrivateJWK()
	require.NoError(t, err)
	many := strings.Repeat(`{"kty":"x"},`, 10_000)
	return map[string]func() (*http.Response, error){
		"endless body": func() (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: &endless{}}, nil
		},
		"10,000 keys":          body(`{"keys":[` + many + one + `]}`),
		"redirect to http":     func() (*http.Response, error) { return answer(302, "", "Location", "http://as.example.com/jwks"), nil },
		"HTML":                 body("<!DOCTYPE html><html></html>"),
		"empty body":           body(""),
		"empty set":            body(`{"keys":[]}`),
		"no set":               body("{}"),
		"keys null":            body(`{"keys":null}`),
		"one unparsable key":   body(`{"keys":[7]}`),
		"unknown kty alone":    body(`{"keys":[{"kty":"AKP","kid":"a"}]}`),
		"for encryption alone": body(`{"keys":[` + strings.Replace(one, `"use":"sig"`, `"use":"enc"`, 1) + `]}`),
		"duplicate kid":        body(`{"keys":[` + one + "," + one + `]}`),
		"oct key":              body(`{"keys":[` + one + `,{"kty":"oct","k":"AAAA"}]}`),
		"private key":          body(`{"keys":[` + string(private) + `]}`),
		"500":                  func() (*http.Response, error) { return answer(500, `{"keys":[`+one+`]}`), nil },
		"connection refused":   func() (*http.Response, error) { return nil, errors.New("connection refused") },
		"body that breaks off": func() (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader(`{"keys":[`), broken{}))}, nil
		},
		"panic of the RoundTripper": func() (*http.Response, error) { panic("of the caller's own") },
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Without a key set every token is refused, not as invalid, and at most 64 KiB are
// read.
func TestBadKeySets(t *testing.T) {
	key := testKey(t, keys.ES256, 1)
	for name, say := range badSets(t) {
		s := newServer()
		s.say(say)
		err := check(t.Context(), s.verifier(), sign(t, key, nil, good(nil)))
		require.ErrorIs(t, err, access.ErrUnavailable, name)
		assert.NotErrorIs(t, err, dpop.ErrInvalidToken, name)
	}
	body := &endless{}
	s := newServer()
	s.say(func() (*http.Response, error) { return &http.Response{StatusCode: 200, Body: body}, nil })
	require.Error(t, check(t.Context(), s.verifier(), sign(t, key, nil, good(nil))))
	assert.LessOrEqual(t, body.read, 128<<10)
}

// While the issuer has no valid key set, the last one is used for MaxStale.
func TestStaleKeys(t *testing.T) {
	for name, say := range badSets(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key := testKey(t, keys.ES256, 1)
				s := newServer(key)
				v := s.verifier()
				var told []error
				v.OnError = func(err error) { told = append(told, err) }
				token := sign(t, key, nil, good(map[string]any{"exp": time.Now().Unix() + 24*3600}))
				require.NoError(t, check(t.Context(), v, token))
				s.say(say)
				for range 59 {
					time.Sleep(time.Minute)
					require.NoError(t, check(t.Context(), v, token))
					synctest.Wait()
				}
				assert.Greater(t, s.asked.Load(), int32(50), "it is tried again")
				assert.Less(t, s.asked.Load(), int32(62), "and not with each token")
				require.NotEmpty(t, told)
				require.ErrorIs(t, told[0], access.ErrUnavailable)
				time.Sleep(2 * time.Minute)
				require.ErrorIs(t, check(t.Context(), v, token), access.ErrUnavailable)
				s.publish(key)
				time.Sleep(time.Minute)
				require.NoError(t, check(t.Context(), v, token))
			})
		})
	}
}

// Unsupported keys in a set are skipped.
func TestUnsupportedKeysAreSkipped(t *testing.T) {
	key := testKey(t, keys.ES256, 1)
	one := string(key.PublicKey().JWK())
	other := string(testKey(t, keys.RS256, 1).PublicKey().JWK())
	s := newServer()
	s.say(func() (*http.Response, error) {
		return answer(200, `{"keys":[{"kty":"AKP","kid":"a"},{"kty":"EC"},"x",`+strings.Replace(other, `"use":"sig"`, `"use":"enc"`, 1)+","+one+`]}`), nil
	})
	v := s.verifier()
	require.NoError(t, check(t.Context(), v, sign(t, key, nil, good(nil))))
	require.ErrorIs(t, check(t.Context(), v, sign(t, testKey(t, keys.RS256, 1), nil, good(nil))), access.ErrKey)
}

// Tokens with unknown key IDs cause one request in 10 s, which finds a new key.
func TestUnknownKIDFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, next := testKey(t, keys.ES256, 1), testKey(t, keys.ES256, 2)
		s := newServer(key)
		v := s.verifier()
		require.NoError(t, check(t.Context(), v, sign(t, key, nil, good(nil))))
		time.Sleep(20 * time.Second)
		for second := range 60 {
			for i := range 10 {
				forged := sign(t, testKey(t, keys.ES256, 3), map[string]any{"kid": fmt.Sprint(second, i)}, good(nil))
				require.ErrorIs(t, check(t.Context(), v, forged), access.ErrKey)
			}
			time.Sleep(time.Second)
		}
		assert.Equal(t, int32(1+6), s.asked.Load())
		s.publish(key, next)
		time.Sleep(10 * time.Second)
		require.NoError(t, check(t.Context(), v, sign(t, next, nil, good(nil))), "with the first token")
	})
}

// Within MaxAge a removed key is no longer accepted, even for cached tokens. Tokens
// of other keys do not wait for the refresh.
func TestRemovedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, leaked := testKey(t, keys.ES256, 1), testKey(t, keys.ES256, 2)
		s := newServer(key, leaked)
		v := s.verifier()
		late := map[string]any{"exp": time.Now().Unix() + 3600}
		old, other := sign(t, leaked, nil, good(late)), sign(t, key, nil, good(late))
		require.NoError(t, check(t.Context(), v, old))
		slow := make(chan struct{})
		s.publish(key)
		publish := s.jwks
		s.say(func() (*http.Response, error) { <-slow; return publish() })
		time.Sleep(5*time.Minute - time.Second) // the refresh is due in this time
		require.NoError(t, check(t.Context(), v, other), "the old keys serve while it is under way")
		close(slow)
		synctest.Wait()
		require.ErrorIs(t, check(t.Context(), v, old), access.ErrKey)
		require.NoError(t, check(t.Context(), v, other))
		assert.Equal(t, int32(2), s.asked.Load())
	})
}

// After a quiet time a removed key is not accepted either: the first token waits
// for the keys, unless they cannot be read.
func TestRemovedKeyAfterAQuietTime(t *testing.T) {
	for _, down := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			key, leaked := testKey(t, keys.ES256, 1), testKey(t, keys.ES256, 2)
			s := newServer(key, leaked)
			v := s.verifier()
			late := map[string]any{"exp": time.Now().Unix() + 7200}
			old, other := sign(t, leaked, nil, good(late)), sign(t, key, nil, good(late))
			require.NoError(t, check(t.Context(), v, old))
			s.publish(key)
			if down {
				s.say(func() (*http.Response, error) { time.Sleep(time.Second); return nil, io.ErrUnexpectedEOF })
			}
			time.Sleep(50 * time.Minute)
			require.NoError(t, check(t.Context(), v, other))
			if down {
				require.NoError(t, check(t.Context(), v, old), "within MaxStale")
			} else {
				require.ErrorIs(t, check(t.Context(), v, old), access.ErrKey)
			}
		})
	}
}

// Keys of several types may share a kid (RFC 7517 §4.5).
func TestOneKIDForTwoTypes(t *testing.T) {
	rsa, err := testKey(t, keys.RS256, 1).With(keys.Options{KeyID: "1"})
	require.NoError(t, err)
	ec, err := testKey(t, keys.ES256, 1).With(keys.Options{KeyID: "1"})
	require.NoError(t, err)
	v := newServer(rsa, ec).verifier()
	for _, key := range []*keys.Key{rsa, ec} {
		require.NoError(t, check(t.Context(), v, sign(t, key, nil, good(nil))))
	}
	other, err := testKey(t, keys.ES384, 1).With(keys.Options{KeyID: "1"})
	require.NoError(t, err)
	require.ErrorIs(t, check(t.Context(), v, sign(t, other, nil, good(nil))), access.ErrAlgorithm)
}

// Concurrent callers share one request. A caller's context ends only its own wait,
// and a hanging server times out.
func TestConcurrentCallersShareARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := testKey(t, keys.ES256, 1)
		s := newServer(key)
		hang, publish := make(chan struct{}), s.jwks
		s.say(func() (*http.Response, error) { <-hang; return publish() })
		v := s.verifier()
		token := sign(t, key, nil, good(nil))
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { assert.NoError(t, check(t.Context(), v, token)) })
		}
		all.Go(func() {
			err := check(brief, v, token)
			assert.ErrorIs(t, err, access.ErrUnavailable)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
		time.Sleep(2 * time.Second)
		close(hang)
		all.Wait()
		assert.Equal(t, int32(1), s.asked.Load())

		hang = make(chan struct{})
		defer close(hang)
		s.say(func() (*http.Response, error) { <-hang; return publish() }) // ignores the context
		started := time.Now()
		require.ErrorIs(t, check(t.Context(), s.verifier(), token), access.ErrUnavailable)
		assert.Equal(t, 10*time.Second, time.Since(started))

		s.say(func() (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: slowtest.NewBody(strings.Repeat(" ", 4<<10), time.Second)}, nil
		})
		require.ErrorIs(t, check(t.Context(), s.verifier(), token), access.ErrUnavailable, "a body that drips")
	})
}

// The keys are at the URL of the metadata or at JWKSURI, over https.
func TestKeySetURL(t *testing.T) {
	key := testKey(t, keys.ES256, 1)
	token := sign(t, key, nil, good(nil))
	v := newServer(key).verifier()
	v.JWKSURI = issuer + "/elsewhere"
	require.ErrorIs(t, check(t.Context(), v, token), access.ErrUnavailable)
	v = newServer(key).verifier()
	v.JWKSURI = issuer + "/jwks"
	require.NoError(t, check(t.Context(), v, token))
	for _, address := range []string{"http://as.example.com/jwks", "jwks", "https://", "https://u:p@as.example.com/jwks", "file:///etc/passwd"} {
		s := newServer(key)
		v := s.verifier()
		v.JWKSURI = address
		require.ErrorIs(t, check(t.Context(), v, token), access.ErrConfig, address)
		assert.Zero(t, s.asked.Load())
		s.members = map[string]any{"jwks_uri": address}
		require.ErrorIs(t, check(t.Context(), s.verifier(), token), access.ErrUnavailable, address)
		assert.Zero(t, s.asked.Load())
	}
	s := newServer(key)
	s.members = map[string]any{"jwks_uri": nil}
	require.ErrorIs(t, check(t.Context(), s.verifier(), token), access.ErrUnavailable)
	s.members = map[string]any{"issuer": issuer + "/other"}
	require.ErrorIs(t, check(t.Context(), s.verifier(), token), access.ErrUnavailable)
}

// Without a Base the answer with the keys may have 256 KiB of header.
func TestKeySetHeaderIsLimited(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 256<<10))
	}))
	defer s.Close()
	key := testKey(t, keys.ES256, 0)
	v := &access.Verifier{Issuer: issuer, JWKSURI: s.URL, Audiences: []string{audience}}
	require.ErrorContains(t, check(t.Context(), v, sign(t, key, nil, good(nil))), "server response headers exceeded")
}
