package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

func policyCommands() []command {
	named := realmOptions(required(text("PolicyName", "n", "name of the policy and of its profile")))
	enable := func(enabled bool) action {
		return onRealm(func(ctx context.Context, in *input, a *admin.API) error {
			return a.SetPolicyEnabled(ctx, in.text("PolicyName"), enabled)
		})
	}
	return []command{
		{"keycloak policy create", realmOptions( // with the periods that Keycloak's own console proposes
			preset("secret-rotation", text("PolicyName", "n", "name of the policy and of its profile")),
			preset("696h", period("SecretLifetime", "how long a secret is accepted")),
			preset("48h", period("OldSecretLifetime", "how long the one before is accepted beside a new one")),
			preset("240h", period("RenewalWindow", "how long before its end client registration renews a secret")),
			text("ClientRole", "cr", "for the clients that define a role of this name"),
			toggle("AllClients", "all", "for all confidential clients of the realm"),
		), "", policyCreate},
		{"keycloak policy show", realmOptions(), "", onRealm(policyShow)},
		{"keycloak policy enable", named, "", enable(true)},
		{"keycloak policy disable", named, "Disable policy {PolicyName}? Old secrets that it keeps alive will end.", enable(false)},
		{"keycloak policy delete", named, "Delete policy {PolicyName}? Old secrets that it keeps alive will end.", onRealm(policyDelete)},
	}
}

func policyCreate(ctx context.Context, in *input) error {
	role := in.text("ClientRole")
	if (role == "") != in.on("AllClients") {
		return errors.New("give one of --ClientRole and --AllClients")
	}
	api, err := in.keycloakAdmin()
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
	profile := admin.RotationProfile{
		Name: in.text("PolicyName"), Expiration: in.period("SecretLifetime"), Rotated: in.period("OldSecretLifetime"), Remaining: in.period("RenewalWindow"),
	}
	policy := admin.Policy{Name: profile.Name, AccessTypes: []string{"confidential"}, Profiles: []string{profile.Name}}
	if role != "" {
		policy.Roles = []string{role}
	}
	if err := api.PutRotationProfile(ctx, profile); err != nil {
		return err
	}
	if err := api.PutPolicy(ctx, policy); err != nil {
		return err
	}
	in.profile(profile)
	in.policy(policy)
	return nil
}

// policies are those of the realm, and its profiles that rotate secrets.
func policies(ctx context.Context, api *admin.API) ([]admin.RotationProfile, []admin.Policy, error) {
	profiles, err := api.RotationProfiles(ctx)
	if err != nil {
		return nil, nil, err
	}
	policies, err := api.Policies(ctx)
	return profiles, policies, err
}

func policyShow(ctx context.Context, in *input, api *admin.API) error {
	profiles, policies, err := policies(ctx, api)
	if err != nil {
		return err
	}
	for _, p := range profiles {
		in.profile(p)
	}
	policies = slices.DeleteFunc(policies, func(p admin.Policy) bool {
		return !slices.ContainsFunc(profiles, func(q admin.RotationProfile) bool { return slices.Contains(p.Profiles, q.Name) })
	})
	for _, p := range policies {
		in.policy(p)
	}
	if len(policies) == 0 {
		in.tell("No policy rotates secrets: a new client secret ends the old one at once.")
	}
	return nil
}

func (in *input) profile(p admin.RotationProfile) {
	in.result("Profile: %q secret %s old secret %s renewal window %s", p.Name, p.Expiration, p.Rotated, p.Remaining)
}

func (in *input) policy(p admin.Policy) {
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
	in.result("Policy: %q %s for %q with profiles %q", p.Name, state, conditions, p.Profiles)
}

// policyDelete fails where there is neither a policy nor a profile of the name.
// One of the two alone is what a run that was interrupted has left.
func policyDelete(ctx context.Context, in *input, api *admin.API) error {
	name := in.text("PolicyName")
	profiles, policies, err := policies(ctx, api)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(policies, func(p admin.Policy) bool { return p.Name == name }) &&
		!slices.ContainsFunc(profiles, func(p admin.RotationProfile) bool { return p.Name == name }) {
		return errors.New("not found: no policy or rotation profile is named --PolicyName")
	}
	if err := api.DeletePolicy(ctx, name); err != nil {
		return err
	}
	err = api.DeleteProfile(ctx, name)
	if errors.Is(err, admin.ErrConflict) {
		in.tell("The profile %q is kept, as another policy names it.", name)
		return nil
	}
	return err
}
