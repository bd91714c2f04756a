package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/helseid"
)

func helseidCommands() []command {
	return append(rotating("helseid", func(in *input, _ bool) (selfservice.Provider, error) { return in.helseid(), nil }, helseidOptions()...),
		command{"helseid status", append(helseidOptions(), privateOptions("ExistingPrivateJwk", "e", "ep", "a private key that is registered")...), "", helseidStatus})
}

func helseidOptions() []option {
	return []option{
		required(text("ClientId", "c", "the client's id")),
		required(address("AuthorityUrl", "a", "HelseID, like "+helseid.Test.Authority)),
		required(address("BaseAddress", "b", "the self-service API, like "+helseid.Test.BaseAddress)),
	}
}

// helseid takes the authority with a trailing slash too, as FHI's tool does;
// the issuer's own name, which must match exactly, has none.
func (in *input) helseid() *helseid.Client {
	return &helseid.Client{ClientID: in.text("ClientId"), Environment: helseid.Environment{
		Authority: strings.TrimRight(in.text("AuthorityUrl"), "/"), BaseAddress: in.text("BaseAddress"),
	}}
}

// helseidSecrets lists the client's keys, as the existing one.
func (in *input) helseidSecrets(ctx context.Context) (*keys.Key, []helseid.ClientSecret, error) {
	key, err := in.private("ExistingPrivateJwk")
	if err != nil {
		return nil, nil, err
	}
	list, err := in.helseid().ClientSecrets(ctx, key)
	return key, list, err
}

func helseidStatus(ctx context.Context, in *input) error {
	_, list, err := in.helseidSecrets(ctx)
	for _, s := range list {
		in.credential("Key", s.KeyID, time.Time{}, s.Expiration, "origin", s.Origin)
	}
	return err
}

func readExpiration(ctx context.Context, in *input) error {
	key, list, err := in.helseidSecrets(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		in.tell("key %q of origin %q expires %s", s.KeyID, s.Origin, date(s.Expiration))
	}
	found, ok := helseid.Find(list, key.PublicKey())
	switch {
	case !ok:
		return errors.New("HelseID lists no key with this thumbprint or kid for the client")
	case found.Expiration.IsZero():
		in.result("never")
	default:
		in.result("%d", found.Expiration.Unix())
	}
	return nil
}

// acceptance is how long a registered key may take to be accepted.
const acceptance = time.Minute

func updateKey(ctx context.Context, in *input) error {
	next, err := in.public("NewPublicJwk")
	if errors.Is(err, keys.ErrPrivateKey) {
		return fmt.Errorf("%w; nothing was sent", err)
	}
	if err != nil {
		return err
	}
	existing, err := in.private("ExistingPrivateJwk")
	if err != nil {
		return err
	}
	switch {
	case next.Equal(existing.PublicKey()):
		return errors.New("the new key is the existing one")
	case next.KeyID() == existing.KeyID():
		return errors.New("the new key has the kid of the existing one: HelseID could not tell them apart")
	}
	var private *keys.Key
	if in.given("NewPrivateJwk") != "" {
		if private, err = in.private("NewPrivateJwk"); err != nil {
			return err
		}
		if !next.Equal(private.PublicKey()) || next.KeyID() != private.KeyID() {
			return errors.New("--NewPrivateJwkPath holds the private part of another key, or another kid")
		}
	}
	client := in.helseid()
	if err := in.ask(ctx, "Register the key "+next.KeyID()+" for client {ClientId} at {AuthorityUrl}?"); err != nil {
		return err
	}
	expires, err := client.UpdateClientSecret(ctx, existing, next)
	if err != nil {
		return doubtful(err)
	}
	in.result("ClientId: %s\nKid: %s\nExpiration: %s", client.ClientID, next.KeyID(), date(expires))
	if private == nil {
		in.tell("Registered. The new key has not been tried: its private part was not given (--NewPrivateJwkPath).")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, acceptance)
	defer cancel()
	if err := client.AwaitKey(ctx, private); err != nil {
		return fmt.Errorf("registered, but HelseID does not accept the new key: %w", err)
	}
	in.tell("Registered, and HelseID accepts the new key.")
	return nil
}

// doubtful says when a failed update may have been carried out all the same.
func doubtful(err error) error {
	var token *assertion.Error
	var api *helseid.Error
	if errors.As(err, &token) || errors.As(err, &api) && !errors.Is(err, helseid.ErrMalformed) && api.Status < 500 {
		return err
	}
	return fmt.Errorf("%w; the key may be registered all the same: readclientsecretexpiration with the new private key finds out", err)
}
