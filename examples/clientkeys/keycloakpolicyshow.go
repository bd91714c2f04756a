package main

import (
	"context"
	"strings"

	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

const aboutPolicyShow = `Prints the profiles of the realm that rotate client secrets, with their periods,
and the policies that bring one of those to clients.`

// policyShow is the command "keycloak policy show".
type policyShow struct{ realm }

func (p *policyShow) run(ctx context.Context, c *console) error {
	api, err := p.admin()
	if err != nil {
		return err
	}
	profiles, err := api.RotationProfiles(ctx)
	if err != nil {
		return err
	}
	policies, err := api.Policies(ctx)
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

func printProfile(c *console, p admin.RotationProfile) {
	c.result("Profile: %q secret %s old secret %s renewal window %s", p.Name, p.Expiration, p.Rotated, p.Remaining)
}

func printPolicy(c *console, p admin.Policy) {
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
