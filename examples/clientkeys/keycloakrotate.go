package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
)

const aboutKeycloakRotate = `Does for a client of Keycloak what rotate does at HelseID; see there for what is
printed, for --IfDue, and for what happens when it is interrupted.

Of a key the public part is stored at Keycloak beside the old one (bring a
client there with keycloakkeysupload, format jwks). A secret is made by
Keycloak; the old one stays good meanwhile only under a rotation policy
(keycloakpolicycreate), and without one the command refuses unless --Cut is
given. Let the policy keep the old secret for longer than --Overlap.

Without --AdminClientId the client manages itself; its service account then
needs the role manage-clients.` + aboutAdmin

// keycloakRotate is the command of the same name.
type keycloakRotate struct {
	state
	managed
	turn
	existing existingCredential
	cut      bool
}

func (k *keycloakRotate) declare(o *options) {
	k.state.declare(o)
	k.managed.declare(o)
	k.existing.declare(o)
	k.turn.declare(o)
	o.toggle(&k.cut, "Cut", "cut", "replace a secret even where the old one ends at once")
}

func (k *keycloakRotate) run(ctx context.Context, c *console) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	client := &keycloak.Client{Realm: k.Realm, ClientID: k.clientID, DPoP: k.dpop}
	if k.adminID != "" {
		var err error
		if client.Admin, err = k.admin(); err != nil {
			return err
		}
	}
	rotator, before, err := k.begin(ctx, c, &k.existing, func(ofKeys bool) selfservice.Provider {
		switch {
		case ofKeys:
			return keycloak.JWKS{Client: client}
		case k.cut || client.Admin == nil: // which refuses a cut by itself
			return keycloak.Secret{Client: client}
		}
		return overlapping{keycloak.Secret{Client: client}}
	})
	if err != nil {
		return err
	}
	return k.make(ctx, c, rotator, before)
}

// overlapping rotates a secret only while the old one lives on.
type overlapping struct{ keycloak.Secret }

func (p overlapping) Issue(ctx context.Context, as selfservice.Credential, before []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error) {
	info, err := p.Admin.FindClient(ctx, p.ClientID)
	if err != nil {
		return selfservice.Credential{}, selfservice.Registration{}, err
	}
	overlap, err := p.Admin.Overlap(ctx, info.ID)
	if err == nil && !overlap {
		err = errors.New("no rotation policy applies to the client, so the old secret would end at once (see --Cut)")
	}
	if err != nil {
		return selfservice.Credential{}, selfservice.Registration{}, err
	}
	return p.Secret.Issue(ctx, as, before)
}

// existingCredential is what a rotation starts from: a key or a secret.
type existingCredential struct {
	key        given
	secretPath string
}

// secretVariable holds the client's secret where no option gives it.
const secretVariable = "CLIENTKEYS_SECRET"

func (e *existingCredential) declare(o *options) {
	e.key.declare(o, "ExistingPrivateJwk", "e", "ep", "the private key that is registered (first time only)")
	o.text(&e.secretPath, "ExistingSecretPath", "esp", "file that holds the client's secret (first time only; default: "+secretVariable+")")
}

func (e *existingCredential) isZero() bool {
	return e.key.isZero() && e.secretPath == "" && os.Getenv(secretVariable) == ""
}

func (e *existingCredential) credential(c *console) (selfservice.Credential, error) {
	if !e.key.isZero() {
		if e.secretPath != "" {
			return selfservice.Credential{}, errors.New("give one of --ExistingPrivateJwkPath and --ExistingSecretPath")
		}
		return e.key.credential(c)
	}
	secret, err := readSecret("ExistingSecretPath", e.secretPath, secretVariable)
	if err == nil && secret.IsZero() {
		err = errors.New("missing --ExistingPrivateJwkPath, --ExistingSecretPath or " + secretVariable)
	}
	return selfservice.Credential{Secret: secret}, err
}
