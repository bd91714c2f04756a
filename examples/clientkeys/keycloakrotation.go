package main

import (
	"context"
	"errors"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
)

const aboutKeycloakRotate = `

Of a key the public part is stored at Keycloak beside the old one (bring a
client there with "keycloak key upload", format jwks). A secret is made by
Keycloak; the old one stays good meanwhile only under a rotation policy
("keycloak policy create"), and without one the command refuses unless --Cut is
given. Let the policy keep the old secret for longer than --Overlap.

Without --AdminClientId the client manages itself; its service account then
needs the role manage-clients.` + aboutAdmin

const aboutCertificateRotate = `

Keycloak keeps one certificate for a client: a new one ends the old in the same
instant, and a program that still signs with the old key is refused until it
reads the new one. "keycloak key upload" with the format jwks brings a client to
keys that live side by side instead.

Without --AdminClientId the client manages itself; its service account then
needs the role manage-clients.` + aboutAdmin

// keycloakClient is the system Keycloak, for keys in a JWKS and for secrets.
type keycloakClient struct {
	managed
	cut bool
}

func (k *keycloakClient) declare(o *options) {
	k.managed.declare(o)
	o.toggle(&k.cut, "Cut", "cut", "replace a secret even where the old one ends at once")
}

func (k *keycloakClient) kinds() kinds { return keysAndSecrets }

func (k *keycloakClient) provider(ofKeys bool) (selfservice.Provider, error) {
	client, err := k.rotated()
	switch {
	case err != nil:
		return nil, err
	case ofKeys:
		return keycloak.JWKS{Client: client}, nil
	case k.cut || client.Admin == nil: // which refuses a cut by itself
		return keycloak.Secret{Client: client}, nil
	}
	return overlapping{keycloak.Secret{Client: client}}, nil
}

// keycloakCertificate is the system Keycloak for a client's certificate.
type keycloakCertificate struct {
	managed
	months int
}

func (k *keycloakCertificate) declare(o *options) {
	k.managed.declare(o)
	o.number(&k.months, "ValidityMonths", "vm", "how long new certificates are valid, in months (default 24)")
}

func (k *keycloakCertificate) kinds() kinds { return keysOnly }

func (k *keycloakCertificate) provider(bool) (selfservice.Provider, error) {
	client, err := k.rotated()
	return keycloak.Certificate{Client: client, Months: k.months}, err
}

// rotated is the client as its provider wants it.
func (m *managed) rotated() (*keycloak.Client, error) {
	client := &keycloak.Client{Realm: m.Realm, ClientID: m.clientID, DPoP: m.dpop}
	var err error
	if m.adminID != "" {
		client.Admin, err = m.admin()
	}
	return client, err
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
