package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
)

// providing makes the provider of a rotation, of keys or else of secrets.
type providing func(in *input, ofKeys bool) (selfservice.Provider, error)

// secretVariable holds the client's secret where no option gives it.
const secretVariable = "CLIENTKEYS_SECRET"

// existingSecret is for systems that take secrets besides keys.
func existingSecret() option {
	return path("ExistingSecretPath", "esp", "file that holds the client's secret (first time only; default: $"+secretVariable+")")
}

// rotating returns the commands that rotate what the words name; options say
// which client of which server.
func rotating(words string, provide providing, options ...option) []command {
	options = slices.Concat(stateOptions(), options, privateOptions("ExistingPrivateJwk", "e", "ep", "the private key that is registered (first time only)"))
	due := toggle("IfDue", "due", "make only the steps that are due; for cron")
	return []command{
		{words + " rotate", append(slices.Clip(options), due), "", provide.rotate},
		{words + " run", options, "", provide.run},
	}
}

func (provide providing) run(ctx context.Context, in *input) error {
	rotator, now, err := provide.start(ctx, in)
	if err != nil {
		return err
	}
	client := in.text("ClientId")
	if app := in.text("AppId"); app != "" {
		client = app
	}
	rotator.Logger = slog.New(slog.NewTextHandler(in.err, nil)).With("client", client)
	rotator.Logger.Info("rotation runs", "kid", now.Active.KeyID, "due", now.Due)
	err = rotator.Run(ctx)
	if ctx.Err() != nil {
		rotator.Logger.Info("rotation stopped")
		return nil
	}
	return err
}

func (provide providing) rotate(ctx context.Context, in *input) error {
	rotator, before, err := provide.start(ctx, in)
	if err != nil {
		return err
	}
	if p := before.Pending; p != nil {
		in.tell("Going on with the rotation to key %s that was begun %s.", p.Name(), date(p.Made))
	}
	rotator.OnEvent = func(e selfservice.Event) {
		if e.Err != nil {
			in.tell("%s: %v", e.Kind, e.Err)
			return
		}
		in.tell("%s: %s", e.Kind, e.Credential)
		if e.Unremoved {
			in.tell("It was not removed: the server may accept it still.")
		}
	}
	if in.on("IfDue") {
		_, err = rotator.RunDue(ctx)
	} else {
		err = rotator.Rotate(ctx)
	}
	switch {
	case errors.Is(err, selfservice.ErrLockedOut):
		return fmt.Errorf("%w: register a new key by hand and rotate again with it as the existing one", err)
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted; no key is lost, and the next rotate goes on from here")
	case err != nil:
		return fmt.Errorf("%w; no key is lost, and the next rotate goes on from here", err)
	}
	after, err := rotator.Status(ctx)
	if err != nil {
		return err
	}
	if after.Rotations == before.Rotations {
		in.tell("No key was replaced; the active one is due %s, the next step %s.", date(after.Due), date(after.Next))
		return nil
	}
	if after.Active.KeyID != "" { // a client secret has none
		in.result("OldKid: %s\nNewKid: %s", before.Active.KeyID, after.Active.KeyID)
	}
	in.result("Expiration: %s", date(after.Active.Expires))
	return nil
}

// start returns a rotator whose state directory holds a credential, the
// existing one if it was empty and the server accepts it. In one that was not,
// the existing one is only for the day on which the server refuses all that is
// stored: a person may have registered it to end that.
func (provide providing) start(ctx context.Context, in *input) (*selfservice.Rotator, selfservice.Status, error) {
	var none selfservice.Status
	rotator := in.rotator()
	before, err := rotator.Status(ctx)
	empty := errors.Is(err, selfservice.ErrNotAdopted)
	switch {
	case errors.Is(err, selfservice.ErrCorrupt):
		return nil, none, fmt.Errorf("%w: restore the state directory from a backup, or start with an empty one and the key that is registered", err)
	case err != nil && !empty:
		return nil, none, err
	}
	given, option, unusable := in.existing()
	if empty && unusable != nil {
		return nil, none, fmt.Errorf("the state directory holds no key yet: %w", unusable)
	}
	ofKeys := given.Key != nil
	if !empty {
		ofKeys = before.Active.KeyID != ""
	}
	rotator = in.rotator() // one that has not been called: its fields may change
	if rotator.Provider, err = provide(in, ofKeys); err != nil {
		return nil, none, err
	}
	if certificates, ok := rotator.Provider.(keycloak.Certificate); ok {
		rotator.New = certificates.Make // so that state export has the certificate
	}
	switch {
	case empty:
		if err := rotator.Enroll(ctx, given); err != nil {
			return nil, none, fmt.Errorf("the credential of %s was not adopted: %w", option, err)
		}
		before, err = rotator.Status(ctx)
	case option == "":
	case unusable != nil || ofKeys != (given.Key != nil): // the file may be gone, and is not needed
		in.tell("Note: the state directory has a key already; the given one is not used.")
	default:
		in.tell("Note: the state directory has a key already; the given one is used only if the server refuses that.")
		err = rotator.Enroll(ctx, given)
	}
	return rotator, before, err
}

// existing returns the credential that a rotation starts from, a key or, where
// the system has them, a secret, and the option or variable that gave it.
func (in *input) existing() (c selfservice.Credential, option string, err error) {
	key, secretPath, secrets := in.given("ExistingPrivateJwk"), in.text("ExistingSecretPath"), in.has("ExistingSecretPath")
	switch {
	case key != "" && secretPath != "":
		return c, key, errors.New("give one of --" + key + " and --ExistingSecretPath")
	case key != "" || !secrets:
		if key != "" {
			option = "--" + key
		}
		c.Key, err = in.private("ExistingPrivateJwk")
		return c, option, err
	case secretPath != "":
		option = "--ExistingSecretPath"
	case in.env(secretVariable) != "":
		option = secretVariable
	default:
		return c, "", errors.New("missing --ExistingPrivateJwkPath, --ExistingSecretPath or " + secretVariable)
	}
	c.Secret, err = in.secret("ExistingSecretPath", secretVariable)
	return c, option, err
}
