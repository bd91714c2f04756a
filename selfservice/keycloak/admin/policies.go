package admin

import (
	"context"
	"encoding/json"
	"slices"
)

// The conditions that [Policy] has fields for.
const (
	accessTypeCondition = "client-access-type"
	rolesCondition      = "client-roles"
)

// Policy is a client policy: profiles and the clients that they act on, which
// are those that meet all its conditions. Every enabled policy acts.
type Policy struct {
	Name        string
	Description string
	Disabled    bool
	AccessTypes []string // "confidential", "public", "bearer-only": one of them must be the client's; empty: no condition
	Roles       []string // the client must define a role of one of these names; empty: no condition
	Profiles    []string

	// Others are conditions of other kinds, by name. They are read only:
	// PutPolicy keeps those that the policy of that name has.
	Others []string
}

type condition struct {
	Condition     string          `json:"condition"`
	Configuration json.RawMessage `json:"configuration"`
}

func (p Policy) check() error {
	switch {
	case p.Name == "":
		return refuse(ErrConfig, "a policy without a name")
	case len(p.Profiles) == 0:
		return refuse(ErrConfig, "a policy without a profile")
	case slices.Contains(p.Roles, ""):
		return refuse(ErrConfig, "an empty role name")
	}
	seen := map[string]bool{}
	for _, name := range p.Profiles {
		if seen[name] {
			return refuse(ErrConfig, "a profile named twice")
		}
		seen[name] = true
	}
	for _, t := range p.AccessTypes {
		if t != "confidential" && t != "public" && t != "bearer-only" {
			return refuse(ErrConfig, "an access type is confidential, public or bearer-only")
		}
	}
	return nil
}

func (p Policy) conditions() []any {
	var list []any
	add := func(name, member string, values []string) {
		if len(values) > 0 {
			list = append(list, map[string]any{"condition": name, "configuration": map[string]any{member: values, "is-negative-logic": false}})
		}
	}
	add(accessTypeCondition, "type", p.AccessTypes)
	add(rolesCondition, "roles", p.Roles)
	return list
}

// PutPolicy creates the policy, or changes the one of that name. The profiles
// must be there. A policy without any condition would act on no client and is
// refused.
func (a *API) PutPolicy(ctx context.Context, p Policy) error {
	if err := p.check(); err != nil {
		return err
	}
	a.policies.Lock()
	defer a.policies.Unlock()
	own, global, err := profilesDocument().load(ctx, a)
	if err != nil {
		return err
	}
	for _, name := range p.Profiles {
		if find(own, name) < 0 && find(global, name) < 0 {
			return refuse(ErrNotFound, "a profile that the policy names")
		}
	}
	return policiesDocument().edit(ctx, a, p.Name, func(old entry) (entry, error) {
		var known struct {
			Conditions []json.RawMessage `json:"conditions"`
		}
		if old != nil && json.Unmarshal(old, &known) != nil {
			return nil, refuse(ErrMalformed, "a client policy")
		}
		conditions, replaced := p.conditions(), new(Policy)
		for _, raw := range known.Conditions {
			var c condition
			if json.Unmarshal(raw, &c) != nil || !replaced.read(c) {
				conditions = append(conditions, raw) // one that Policy has no field for
			}
		}
		if len(conditions) == 0 {
			return nil, refuse(ErrConfig, "a policy without a condition acts on no client")
		}
		members := map[string]any{"name": p.Name, "enabled": !p.Disabled, "conditions": conditions, "profiles": p.Profiles}
		if p.Description != "" || old == nil {
			members["description"] = p.Description
		}
		return set(old, members)
	})
}

// Policies returns the realm's own policies.
func (a *API) Policies(ctx context.Context) ([]Policy, error) {
	own, _, err := policiesDocument().load(ctx, a)
	if err != nil {
		return nil, err
	}
	var found []Policy
	for _, raw := range own {
		var row struct {
			Name        string      `json:"name"`
			Description string      `json:"description"`
			Enabled     bool        `json:"enabled"`
			Conditions  []condition `json:"conditions"`
			Profiles    []string    `json:"profiles"`
		}
		if json.Unmarshal(raw, &row) != nil {
			return nil, refuse(ErrMalformed, "a client policy")
		}
		p := Policy{Name: row.Name, Description: row.Description, Disabled: !row.Enabled, Profiles: row.Profiles}
		for _, c := range row.Conditions {
			if !p.read(c) {
				p.Others = append(p.Others, c.Condition)
			}
		}
		found = append(found, p)
	}
	return found, nil
}

// read takes a condition that has a field: not an empty one, which no client
// meets, nor a second one of a kind.
func (p *Policy) read(c condition) bool {
	var config struct {
		Types    []string `json:"type"`
		Roles    []string `json:"roles"`
		Negative any      `json:"is-negative-logic"` // a bool, or the text of one
	}
	if json.Unmarshal(c.Configuration, &config) != nil || config.Negative == true || config.Negative == "true" {
		return false
	}
	switch {
	case c.Condition == accessTypeCondition && p.AccessTypes == nil && len(config.Types) > 0:
		p.AccessTypes = config.Types
	case c.Condition == rolesCondition && p.Roles == nil && len(config.Roles) > 0:
		p.Roles = config.Roles
	default:
		return false
	}
	return true
}

// SetPolicyEnabled turns a policy of the realm on or off and leaves the rest
// of it as it is. Secrets that it let live on end with the next update of
// their client after it is turned off.
func (a *API) SetPolicyEnabled(ctx context.Context, name string, enabled bool) error {
	a.policies.Lock()
	defer a.policies.Unlock()
	return policiesDocument().edit(ctx, a, name, func(old entry) (entry, error) {
		if old == nil {
			return nil, refuse(ErrNotFound, "no policy of that name")
		}
		return set(old, map[string]any{"enabled": enabled})
	})
}

// DeletePolicy deletes a policy of the realm. Secrets that it let live on end
// with the next update of their client.
func (a *API) DeletePolicy(ctx context.Context, name string) error {
	a.policies.Lock()
	defer a.policies.Unlock()
	return policiesDocument().edit(ctx, a, name, func(entry) (entry, error) { return nil, nil })
}
