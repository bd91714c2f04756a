package main

import (
	"context"
	"errors"
	"time"

	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

const aboutPolicyCreate = `Makes a client profile with the executor secret-rotation and a client policy of
the same name that brings it to clients, or changes those of that name. Under
it a client secret expires, and the one before a new one is accepted for a
while, so that secrets can be replaced without a failed request.

Every secret that the policy meets will expire: say which clients have somebody
to replace theirs. --ClientRole takes those that define a role of that name,
--AllClients every confidential client of the realm. The server needs the
feature client-secret-rotation.`

// policyCreate is the command "keycloak policy create".
type policyCreate struct {
	realm
	profile admin.RotationProfile
	role    string
	all     bool
}

// newPolicyCreate has the periods that Keycloak's own console proposes.
func newPolicyCreate() *policyCreate {
	const day = 24 * time.Hour
	return &policyCreate{profile: admin.RotationProfile{
		Name: "secret-rotation", Expiration: 29 * day, Rotated: 2 * day, Remaining: 10 * day,
	}}
}

func (p *policyCreate) declare(o *options) {
	p.realm.declare(o)
	o.text(&p.profile.Name, "PolicyName", "n", "name of the policy and of its profile (default secret-rotation)")
	o.duration(&p.profile.Expiration, "SecretLifetime", "how long a secret is accepted (default 696h, 29 days)")
	o.duration(&p.profile.Rotated, "OldSecretLifetime", "how long the one before is accepted beside a new one (default 48h)")
	o.duration(&p.profile.Remaining, "RenewalWindow", "how long before its end client registration renews a secret (default 240h)")
	o.text(&p.role, "ClientRole", "cr", "for the clients that define a role of this name")
	o.toggle(&p.all, "AllClients", "all", "for all confidential clients of the realm")
}

func (p *policyCreate) run(ctx context.Context, c *console) error {
	if (p.role == "") != p.all {
		return errors.New("give one of --ClientRole and --AllClients")
	}
	api, err := p.admin()
	if err != nil {
		return err
	}
	info, err := api.ServerInfo(ctx)
	if err != nil {
		return err
	}
	if info.Rotation == admin.Off {
		return errors.New("the server runs without the feature client-secret-rotation")
	}
	policy := admin.Policy{Name: p.profile.Name, AccessTypes: []string{"confidential"}, Profiles: []string{p.profile.Name}}
	if p.role != "" {
		policy.Roles = []string{p.role}
	}
	if err := api.PutRotationProfile(ctx, p.profile); err != nil {
		return err
	}
	if err := api.PutPolicy(ctx, policy); err != nil {
		return err
	}
	printProfile(c, p.profile)
	printPolicy(c, policy)
	return nil
}
