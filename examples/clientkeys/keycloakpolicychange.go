package main

import (
	"context"
	"errors"
	"slices"

	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

const aboutPolicyDisable = `Turns a client policy of the realm off and keeps it. Old secrets that it let live
on end with the next change of their client.`

const aboutPolicyEnable = `Turns a client policy of the realm on again. A client's secret gets an expiry
with the next change of the client.`

// policySwitch is the commands "keycloak policy enable" and "disable".
type policySwitch struct {
	realm
	consent
	name   string
	enable bool
}

func (p *policySwitch) declare(o *options) {
	p.realm.declare(o)
	o.required(&p.name, "PolicyName", "n", "name of the policy")
	p.consent.declare(o)
}

func (p *policySwitch) run(ctx context.Context, c *console) error {
	api, err := p.admin()
	if err != nil {
		return err
	}
	if !p.enable {
		err = p.ask(ctx, c, "Turn policy %q off? Old secrets that it keeps alive will end.", p.name)
	}
	if err != nil {
		return err
	}
	return api.SetPolicyEnabled(ctx, p.name, p.enable)
}

const aboutPolicyDelete = `Deletes a client policy of the realm, and the profile of the same name unless
another policy names it, which is said. Old secrets that the policy let live on
end with the next change of their client.`

// policyDelete is the command "keycloak policy delete".
type policyDelete struct {
	realm
	consent
	name string
}

func (p *policyDelete) declare(o *options) {
	p.realm.declare(o)
	o.required(&p.name, "PolicyName", "n", "name of the policy and of its profile")
	p.consent.declare(o)
}

func (p *policyDelete) run(ctx context.Context, c *console) error {
	api, err := p.admin()
	if err != nil {
		return err
	}
	if err := p.known(ctx, api); err != nil {
		return err
	}
	if err := p.ask(ctx, c, "Delete policy %q? Old secrets that it keeps alive will end.", p.name); err != nil {
		return err
	}
	if err := api.DeletePolicy(ctx, p.name); err != nil {
		return err
	}
	err = api.DeleteProfile(ctx, p.name)
	if errors.Is(err, admin.ErrConflict) {
		c.tell("The profile %q is kept, as another policy names it.", p.name)
		return nil
	}
	return err
}

// known fails where there is neither a policy nor a profile of the name. One
// of the two alone is what a command has left that was interrupted.
func (p *policyDelete) known(ctx context.Context, api *admin.API) error {
	policies, err := api.Policies(ctx)
	if err != nil {
		return err
	}
	profiles, err := api.RotationProfiles(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(policies, func(q admin.Policy) bool { return q.Name == p.name }) ||
		slices.ContainsFunc(profiles, func(q admin.RotationProfile) bool { return q.Name == p.name }) {
		return nil
	}
	return errors.New("there is no such thing: no policy and no rotation profile of the name of --PolicyName")
}
