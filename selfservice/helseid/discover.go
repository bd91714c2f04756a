package helseid

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/assertion"
)

// metadataLifetime is how long HelseID's metadata is cached. It has not changed
// in years, but a program may run for as long.
const metadataLifetime = 24 * time.Hour

// Metadata that is too old serves on, for a minute at a time, and one caller each
// asks for new metadata. It does not wait for that as long as without any.
const (
	metadataRetry   = time.Minute
	metadataTimeout = 3 * time.Second
)

type metadata struct {
	known atomic.Pointer[knownMetadata]
}

type knownMetadata struct {
	*assertion.Metadata
	until time.Time
}

// discover returns the authority's metadata. Callers that find none cached ask
// concurrently, each with its own context, rather than wait for one another.
// The last metadata serves while HelseID does not answer.
func (c *Client) discover(ctx context.Context) (*assertion.Metadata, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	m := &c.learned().metadata
	known, now := m.known.Load(), time.Now()
	if known != nil {
		if now.Before(known.until) || !m.known.CompareAndSwap(known, &knownMetadata{known.Metadata, now.Add(metadataRetry)}) {
			return known.Metadata, nil
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, metadataTimeout)
		defer cancel()
	}
	fresh, err := assertion.Discover(ctx, c.Base, c.Environment.Authority)
	if err != nil && known != nil {
		return known.Metadata, nil
	}
	if err != nil {
		return nil, err
	}
	m.known.Store(&knownMetadata{fresh, time.Now().Add(metadataLifetime)})
	return fresh, nil
}
