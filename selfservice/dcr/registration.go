package dcr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// Registration is what a server gives a client to manage itself with (RFC 7591
// §3.2.1, RFC 7592 §3).
type Registration struct {
	ClientID    string
	URI         string      // "registration_client_uri"
	AccessToken keys.Secret // "registration_access_token"
}

// storedRegistration is the state of the store: a registration, or a word
// about one that is being made.
type storedRegistration struct {
	ClientID    string `json:"client_id,omitempty"`
	URI         string `json:"registration_client_uri,omitempty"`
	AccessToken string `json:"registration_access_token,omitempty"`
	Instead     string `json:"instead,omitempty"` // of a registration: beingMade or notMade
}

const (
	beingMade = "being made" // a replica has sent a request, or is about to
	notMade   = "not made"   // its request has failed
)

// unsaved is a registration that the store did not take. The access token that
// the store has may be dead; nobody else has this one.
type unsaved struct {
	Registration
	over string // the version that the store had
}

// Adopt puts the registration into an empty store, and does nothing if the
// store has one, which is newer. It makes no request, and refuses a
// registration that is incomplete ([ErrConfig]) or whose URI is not https
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
	if (err == nil || errors.Is(err, ErrNotAdopted)) && c.unsaved != nil && c.unsaved.over == version {
		r = c.unsaved.Registration
		version, err = c.save(ctx, r, version)
	}
	return r, version, err
}

func (c *Client) stored(ctx context.Context) (Registration, string, error) {
	s, version, err := c.load(ctx)
	if err == nil && s.URI == "" {
		err = refuse(ErrNotAdopted, "")
	}
	if err != nil {
		return Registration{}, version, err
	}
	return Registration{s.ClientID, s.URI, keys.NewSecret(s.AccessToken)}, version, nil
}

// load also returns what is no registration: nothing, or the word about one.
func (c *Client) load(ctx context.Context) (s storedRegistration, version string, err error) {
	blob, version, err := c.Store.Load(ctx)
	if err != nil {
		return s, "", fmt.Errorf("dcr: reading the store: %w", err)
	}
	if blob != nil && (json.Unmarshal(blob, &s) != nil || (s.URI == "") == (s.Instead == "")) {
		return storedRegistration{}, "", selfservice.ErrCorrupt
	}
	return s, version, nil
}

func (c *Client) save(ctx context.Context, r Registration, version string) (string, error) {
	next, err := c.write(ctx, storedRegistration{ClientID: r.ClientID, URI: r.URI, AccessToken: r.AccessToken.Reveal()}, version)
	if err != nil {
		c.unsaved = &unsaved{r, version}
		return "", err
	}
	c.unsaved = nil
	return next, nil
}

func (c *Client) write(ctx context.Context, s storedRegistration, version string) (string, error) {
	var blob bytes.Buffer
	if err := json.NewEncoder(&blob).Encode(s); err != nil {
		return "", err
	}
	next, err := c.Store.Save(ctx, blob.Bytes(), version)
	if err != nil {
		return "", fmt.Errorf("dcr: writing the store: %w", err)
	}
	return next, nil
}
