package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nokkel/nokkel/selfservice/keycloak"
)

const aboutPolicyCreate = `Makes a client profile with the executor secret-rotation and a client policy of
the same name that brings it to clients, or changes those of that name. Under
it a client secret expires, and the one before a new one is accepted for a
while, so that secrets can be replaced without a failed request.

Every secret that the policy meets will expire: say which clients have somebody
to replace theirs. --ClientRole takes those that define a role of that name,
--AllClients every confidential client of the realm. The server needs the
feature client-secret-rotation.` + aboutAdmin

// policyCreate is the command keycloakpolicycreate.
type policyCreate struct {
	realm
	profile keycloak.RotationProfile
	role    string
	all     bool
}

// newPolicyCreate has the periods that Keycloak's own console proposes.
func newPolicyCreate() *policyCreate {
	const day = 24 * time.Hour
	return &policyCreate{profile: keycloak.RotationProfile{
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
	admin, err := p.admin()
	if err != nil {
		return err
	}
	info, err := admin.ServerInfo(ctx)
	if err != nil {
		return err
	}
	if info.Rotation == keycloak.Off {
		return errors.New("the server runs without the feature client-secret-rotation")
	}
	policy := keycloak.Policy{Name: p.profile.Name, AccessTypes: []string{"confidential"}, Profiles: []string{p.profile.Name}}
	if p.role != "" {
		policy.Roles = []string{p.role}
	}
	if err := admin.PutRotationProfile(ctx, p.profile); err != nil {
		return err
	}
	if err := admin.PutPolicy(ctx, policy); err != nil {
		return err
	}
	printProfile(c, p.profile)
	printPolicy(c, policy)
	return nil
}

const aboutPolicyShow = `Prints the profiles of the realm that rotate client secrets, with their periods,
and the policies that bring one of those to clients.` + aboutAdmin

// policyShow is the command keycloakpolicyshow.
type policyShow struct{ realm }

func (p *policyShow) run(ctx context.Context, c *console) error {
	admin, err := p.admin()
	if err != nil {
		return err
	}
	profiles, err := admin.RotationProfiles(ctx)
	if err != nil {
		return err
	}
	policies, err := admin.Policies(ctx)
	if err != nil {
		return err
	}
	rotating := make(map[string]bool)
	for _, profile := range profiles {
		rotating[profile.Name] = true
		printProfile(c, profile)
	}
	shown := 0
	for _, policy := range policies {
		for _, name := range policy.Profiles {
			if rotating[name] {
				printPolicy(c, policy)
				shown++
				break
			}
		}
	}
	if shown == 0 {
		c.tell("No policy rotates secrets: a new client secret ends the old one at once.")
	}
	return nil
}

func printProfile(c *console, p keycloak.RotationProfile) {
	c.result("Profile: %q secret %s old secret %s renewal window %s", p.Name, p.Expiration, p.Rotated, p.Remaining)
}

func printPolicy(c *console, p keycloak.Policy) {
	state := "enabled"
	if p.Disabled {
		state = "disabled"
	}
	conditions := append([]string{}, p.Others...)
	if len(p.AccessTypes) > 0 {
		conditions = append(conditions, "access type "+strings.Join(p.AccessTypes, " or "))
	}
	if len(p.Roles) > 0 {
		conditions = append(conditions, "client role "+strings.Join(p.Roles, " or "))
	}
	c.result("Policy: %q %s for %q with profiles %q", p.Name, state, conditions, p.Profiles)
}
