package dcr

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/nokkel/nokkel/selfservice"
)

// Update replaces the client's metadata (RFC 7592 §2.2): it reads it, lets
// change alter it, and sends it back whole, since what is left out is deleted.
// It returns what the server made of it. Change returns false when there is
// nothing to do. Once the update is sent, Update waits for the answer for up to
// 30 s, even if ctx ends.
func (c *Client) Update(ctx context.Context, change func(Metadata) (bool, error)) (Metadata, error) {
	a, err := c.update(ctx, func(a answer) (bool, error) { return change(a.Metadata) })
	return a.Metadata, err
}

func (c *Client) update(ctx context.Context, change func(answer) (bool, error)) (answer, error) {
	if err := c.lock(ctx); err != nil {
		return answer{}, err
	}
	defer c.unlock()
	r, version, err := c.registration(ctx)
	if err != nil {
		return answer{}, err
	}
	a, r, version, err := c.read(ctx, r, version)
	if err != nil {
		return answer{}, err
	}
	changed, err := change(a)
	if err != nil || !changed {
		return a, err
	}
	a.forUpdate(r.ClientID)
	if c.Change != nil {
		c.Change(a.Metadata)
	}
	body, err := json.Marshal(a.Metadata)
	if err != nil {
		return answer{}, refuse(ErrConfig, "the metadata is not JSON")
	}
	// Even if the caller is canceled: from now on only the token in the answer
	// works.
	if a, err = c.send(context.WithoutCancel(ctx), http.MethodPut, r, body); err != nil {
		return answer{}, err
	}
	_, _, err = c.keep(ctx, a, r, version)
	return a, err
}

// keep saves the registration access token of an answer before anything else
// happens with it. A URI at another origin is ignored: the token belongs to the
// origin that issued it.
func (c *Client) keep(ctx context.Context, a answer, r Registration, version string) (Registration, string, error) {
	token, uri := a.token, a.text("registration_client_uri")
	if !sameOrigin(uri, r.URI) {
		uri = r.URI
	}
	if token.IsZero() {
		token = r.AccessToken
	}
	if token.Equal(r.AccessToken) && uri == r.URI {
		return r, version, nil
	}
	r.AccessToken, r.URI = token, uri
	// This ignores the caller's cancellation, and overwrites what another replica
	// has saved: the token before this one may be dead.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	next, err := c.save(ctx, r, version)
	if errors.Is(err, selfservice.ErrConflict) {
		if _, version, err = c.registration(ctx); err == nil {
			next, err = c.save(ctx, r, version)
		}
	}
	return r, next, err
}
