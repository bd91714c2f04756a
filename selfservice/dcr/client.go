// Package dcr manages a dynamically registered client (RFC 7591, RFC 7592)
// and rotates its keys or its secret with no more than its registration access
// token.
//
//	client := &dcr.Client{Store: selfservice.Dir("/var/lib/app/registration"), Issuer: issuer}
//	err := client.Adopt(ctx, dcr.Registration{ClientID: id, URI: uri, AccessToken: token})
//	rotator := &selfservice.Rotator{Provider: client.Keys(), Store: selfservice.Dir("/var/lib/app/key")}
//
// Many servers replace the registration access token with every update, and
// one that is lost can be had again only from an administrator. So it is kept
// in a store of its own and saved before anything else is done with an answer.
package dcr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// Client is one registered client. Its methods may be called from many
// goroutines; its fields must not change after the first call.
type Client struct {
	// Store keeps the registration. It is not the Rotator's.
	Store selfservice.Store

	// Issuer of the authorization server, whose metadata names the token
	// endpoint.
	Issuer string

	// Recover is asked for a new registration access token when the server
	// refuses the stored one: the reply to an update was lost. It is an
	// administrator's way to get one, as Keycloak and others have. Nil: the
	// refusal is an error, [ErrAccessToken].
	Recover func(ctx context.Context) (keys.Secret, error)

	// Change is applied to the metadata of every update, for servers that
	// return what they do not take; may be nil.
	Change func(Metadata)

	Base http.RoundTripper // nil: http.DefaultTransport

	once       sync.Once
	turn       chan struct{} // one update at a time: each ends the token of the one before
	discovered *assertion.Metadata
	unsaved    *unsaved
}

// lock waits for its turn, and for ctx at most.
func (c *Client) lock(ctx context.Context) error {
	c.once.Do(func() { c.turn = make(chan struct{}, 1) })
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) unlock() { <-c.turn }

// unsaved is a registration that the store did not take. The access token that
// the store has may be dead; nobody else has this one.
type unsaved struct {
	Registration
	over string // the version that the store had
}

// Registration is what a server gives a client to manage itself with (RFC 7591
// §3.2.1, RFC 7592 §3).
type Registration struct {
	ClientID    string
	URI         string      // "registration_client_uri"
	AccessToken keys.Secret // "registration_access_token"
}

type storedRegistration struct {
	ClientID    string `json:"client_id"`
	URI         string `json:"registration_client_uri"`
	AccessToken string `json:"registration_access_token"`
}

// Adopt puts the registration into an empty store, and does nothing when the
// store has one: that one is newer. It asks nothing of the server, and refuses
// a registration that is incomplete ([ErrConfig]) or whose URI is not https
// ([ErrAddress]).
func (c *Client) Adopt(ctx context.Context, r Registration) error {
	if err := checkURL(r.URI); err != nil {
		return err
	}
	if r.ClientID == "" || r.AccessToken.IsZero() {
		return refuse(ErrConfig, "client id and registration access token are needed")
	}
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	_, version, err := c.stored(ctx)
	if err == nil || !errors.Is(err, ErrNotAdopted) {
		return err
	}
	_, err = c.save(ctx, r, version)
	if errors.Is(err, selfservice.ErrConflict) {
		return nil // another replica was first
	}
	return err
}

// registration reads the store, once that has taken what it did not take
// before. Where another replica has written since, its registration is newer.
func (c *Client) registration(ctx context.Context) (Registration, string, error) {
	r, version, err := c.stored(ctx)
	if err == nil && c.unsaved != nil && c.unsaved.over == version {
		r = c.unsaved.Registration
		version, err = c.save(ctx, r, version)
	}
	return r, version, err
}

func (c *Client) stored(ctx context.Context) (Registration, string, error) {
	blob, version, err := c.Store.Load(ctx)
	if err != nil {
		return Registration{}, "", fmt.Errorf("dcr: reading the store: %w", err)
	}
	if blob == nil {
		return Registration{}, "", refuse(ErrNotAdopted, "")
	}
	var s storedRegistration
	if json.Unmarshal(blob, &s) != nil || s.URI == "" {
		return Registration{}, "", selfservice.ErrCorrupt
	}
	return Registration{s.ClientID, s.URI, keys.NewSecret(s.AccessToken)}, version, nil
}

func (c *Client) save(ctx context.Context, r Registration, version string) (string, error) {
	var blob bytes.Buffer
	if err := json.NewEncoder(&blob).Encode(storedRegistration{r.ClientID, r.URI, r.AccessToken.Reveal()}); err != nil {
		return "", err
	}
	next, err := c.Store.Save(ctx, blob.Bytes(), version)
	if err != nil {
		c.unsaved = &unsaved{r, version}
		return "", fmt.Errorf("dcr: writing the store: %w", err)
	}
	c.unsaved = nil
	return next, nil
}

// Read returns the client's metadata as the server has it (RFC 7592 §2.1): at
// most 1 MiB, within 30 s. It fails with an *[Error], or an error of the store
// or the network.
func (c *Client) Read(ctx context.Context) (Metadata, error) {
	a, err := c.ask(ctx)
	return a.Metadata, err
}

func (c *Client) ask(ctx context.Context) (answer, error) {
	if err := c.lock(ctx); err != nil {
		return answer{}, err
	}
	defer c.unlock()
	r, version, err := c.registration(ctx)
	if err != nil {
		return answer{}, err
	}
	a, _, _, err := c.read(ctx, r, version)
	return a, err
}

// read also returns the registration as it is after the answer: a server may
// give a new access token with every answer.
func (c *Client) read(ctx context.Context, r Registration, version string) (answer, Registration, string, error) {
	a, err := c.send(ctx, http.MethodGet, r, nil)
	if errors.Is(err, ErrAccessToken) && c.Recover != nil {
		if r, version, err = c.recover(ctx, r, version); err == nil {
			a, err = c.send(ctx, http.MethodGet, r, nil)
		}
	}
	if err != nil {
		return answer{}, r, version, err
	}
	r, version, err = c.keep(ctx, a, r, version)
	return a, r, version, err
}

// recover gets a registration access token in place of one that is refused:
// another replica may have saved a newer one, else an administrator has one.
func (c *Client) recover(ctx context.Context, refused Registration, version string) (Registration, string, error) {
	r, now, err := c.registration(ctx)
	if err != nil || now != version {
		return r, now, err
	}
	token, err := c.Recover(ctx)
	if err != nil {
		return refused, version, fmt.Errorf("dcr: recovering the registration access token: %w", err)
	}
	r.AccessToken = token
	version, err = c.save(ctx, r, version)
	return r, version, err
}

// Update replaces the client's metadata (RFC 7592 §2.2): it reads it, lets
// change alter it, and sends it back whole, since what is left out is deleted.
// It returns what the server made of it. Change returns false when there is
// nothing to do. What has been sent is waited for, up to 30 s, although ctx has
// ended meanwhile.
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
	// Also when the caller goes: the token that the server answers with is the
	// only one from then on.
	if a, err = c.send(context.WithoutCancel(ctx), http.MethodPut, r, body); err != nil {
		return answer{}, err
	}
	_, _, err = c.keep(ctx, a, r, version)
	return a, err
}

// keep saves the registration access token of an answer before anything else
// happens with it.
func (c *Client) keep(ctx context.Context, a answer, r Registration, version string) (Registration, string, error) {
	token, uri := a.token, a.text("registration_client_uri")
	if uri == "" || checkURL(uri) != nil {
		uri = r.URI
	}
	if token.IsZero() {
		token = r.AccessToken
	}
	if token.Equal(r.AccessToken) && uri == r.URI {
		return r, version, nil
	}
	r.AccessToken, r.URI = token, uri
	// Also when the caller has gone, and also over what another replica saved
	// meanwhile: the token before this one may be dead.
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
