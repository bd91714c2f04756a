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

// Policy is a client policy: profiles, and conditions that select the clients
// that they act on. A client must meet all conditions.
type Policy struct {
	Name        string
	Description string
	Disabled    bool
	AccessTypes []string // "confidential", "public", "bearer-only": the client must be one of them; empty: no condition
	Roles       []string // the client must define one of these roles; empty: no condition
	Profiles    []string

	// Others names conditions of other kinds. PutPolicy ignores it and keeps
	// those that the stored policy has.
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
			return refuse(ErrConfig, "an access type must be confidential, public or bearer-only")
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

// PutPolicy creates the policy or replaces the one with the same name. Its
// profiles must exist. A policy without conditions, which would act on no
// client, is refused.
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
				conditions = append(conditions, raw) // one without a field in Policy
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

// Policies returns the realm's policies, without the global ones.
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

// read stores a condition in its field and reports whether there is one. There
// is none for an empty condition, which no client meets, and for the second one
// of a kind.
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

// SetPolicyEnabled turns a policy on or off and changes nothing else of it. Once
// it is off, a rotated secret ends with the next update of its client.
func (a *API) SetPolicyEnabled(ctx context.Context, name string, enabled bool) error {
	a.policies.Lock()
	defer a.policies.Unlock()
	return policiesDocument().edit(ctx, a, name, func(old entry) (entry, error) {
		if old == nil {
			return nil, refuse(ErrNotFound, "no policy with that name")
		}
		return set(old, map[string]any{"enabled": enabled})
	})
}

// DeletePolicy deletes a policy of the realm. A rotated secret that it kept alive
// ends with the next update of its client.
func (a *API) DeletePolicy(ctx context.Context, name string) error {
	a.policies.Lock()
	defer a.policies.Unlock()
	return policiesDocument().edit(ctx, a, name, func(entry) (entry, error) { return nil, nil })
}
