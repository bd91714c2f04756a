package dcr

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/nokkel/nokkel/selfservice"
)

// errMine says that the caller holds the lease to register.
var errMine = errors.New("the caller has to register")

const (
	// leaseTime is for the reply of the store that has taken the lease, the
	// request, the save after it, and a margin.
	leaseTime = 3*callTimeout + 5*time.Second
	leasePoll = time.Second
)

// acquire returns the registration, or errMine and the version of the caller's
// lease. It waits while another replica's lease stands, by this process's own
// clock, and takes over one that is unchanged for leaseTime. Before it takes
// one, it calls prepare, once: for whatever that needs there is no limit.
func (c *Client) acquire(ctx context.Context, prepare func() error) (Registration, string, error) {
	prepared := false
	for seen, since := "", time.Now(); ; {
		s, version, err := c.load(ctx)
		if err != nil {
			return Registration{}, "", err
		}
		if s.URI != "" || c.unsaved != nil && c.unsaved.over == version {
			r, version, err := c.registration(ctx)
			if errors.Is(err, ErrNotAdopted) {
				continue // what is unsaved is older than what the store says by now
			}
			return r, version, err
		}
		if version != seen {
			seen, since = version, time.Now()
		}
		switch {
		case s.Instead == beingMade && time.Since(since) < leaseTime:
			select {
			case <-time.After(leasePoll):
			case <-ctx.Done():
				return Registration{}, "", ctx.Err()
			}
		case !prepared:
			if err := prepare(); err != nil {
				return Registration{}, "", err
			}
			prepared = true // and the store is read again
		default:
			mine, err := c.take(ctx, version)
			if err == nil {
				return Registration{}, mine, errMine
			}
			if !errors.Is(err, selfservice.ErrConflict) {
				return Registration{}, "", err
			}
		}
	}
}

// take stores the caller's lease.
func (c *Client) take(ctx context.Context, version string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return c.write(ctx, storedRegistration{Instead: beingMade}, version)
}

// release lets another call register at once. A lease that cannot be released
// expires.
func (c *Client) release(ctx context.Context, version string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	c.write(ctx, storedRegistration{Instead: notMade}, version)
}

// settle stores the registration of a new client. If another replica took over
// the lease and was faster, its registration counts, and the new client is
// deleted (RFC 7592 §2.3).
func (c *Client) settle(ctx context.Context, r Registration, version string) (Registration, string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	for {
		next, err := c.save(ctx, r, version)
		if !errors.Is(err, selfservice.ErrConflict) {
			return r, next, err
		}
		other, now, err := c.stored(ctx)
		if err == nil {
			c.unsaved = nil
			c.call(ctx, http.MethodDelete, r.URI, r.AccessToken, nil)
			return other, now, nil
		}
		if !errors.Is(err, ErrNotAdopted) {
			return r, "", err
		}
		version = now
	}
}
