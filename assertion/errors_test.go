package assertion_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/stretchr/testify/assert"
)

func TestErrorsHaveOnePrefix(t *testing.T) {
	broken := errors.New("connection refused")
	down := network(func(*http.Request) (*http.Response, error) { return nil, broken })
	refusing := answering(400, `{"error":"invalid_scope"}`)
	for name, c := range map[string]struct {
		source *assertion.TokenSource
		want   string
	}{
		"token endpoint out of reach": {&assertion.TokenSource{Endpoint: endpoint, Base: down}, "assertion: token request: connection refused"},
		"metadata out of reach": {&assertion.TokenSource{Discover: func(ctx context.Context) (*assertion.Metadata, error) {
			return assertion.Discover(ctx, down, issuer)
		}}, "assertion: discovery: connection refused"},
		"metadata out of reach, the caller's words": {&assertion.TokenSource{Discover: func(ctx context.Context) (*assertion.Metadata, error) {
			_, err := assertion.Discover(ctx, down, issuer)
			return nil, fmt.Errorf("tenant 1: %w", err)
		}}, "tenant 1: assertion: discovery: connection refused"},
		"metadata refused": {&assertion.TokenSource{Discover: func(ctx context.Context) (*assertion.Metadata, error) {
			return assertion.Discover(ctx, answering(404, ""), issuer)
		}}, "assertion: the server refused the request: reading its metadata: 404"},
		"refused": {&assertion.TokenSource{Endpoint: endpoint, Base: refusing}, "assertion: the server refused the request: 400 invalid_scope"},
	} {
		t.Run(name, func(t *testing.T) {
			c.source.Auth = testSigner(t)
			_, err := c.source.Token(t.Context())
			assert.EqualError(t, err, c.want)
			assert.Equal(t, !strings.HasSuffix(name, "refused"), errors.Is(err, broken))
		})
	}
}

// An http.Client over the source must see a timeout too.
func TestDeadlineIsATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s := counted(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		for range 2 { // during the request, and before it
			_, err := s.Token(ctx)
			assert.EqualError(t, err, "assertion: waiting for a token: context deadline exceeded")
			assert.True(t, (&url.Error{Err: err}).Timeout())
		}
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		_, err := s.Token(ctx)
		assert.EqualError(t, err, "assertion: waiting for a token: context canceled")
		assert.False(t, (&url.Error{Err: err}).Timeout())
		time.Sleep(2 * time.Second)
	})
}
