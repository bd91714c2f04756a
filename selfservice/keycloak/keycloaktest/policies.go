package keycloaktest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const rotationExecutor = "secret-rotation"

type seconds int64

// UnmarshalJSON takes numbers and, as the admin console writes them, strings.
func (p *seconds) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	*p = seconds(n)
	return err
}

// periods is the configuration of the executor.
type periods struct {
	Expiration seconds `json:"expiration-period"`
	Rotated    seconds `json:"rotated-expiration-period"`
	Remaining  seconds `json:"remaining-rotation-period"`
}

type profile struct {
	Name      string     `json:"name"`
	Executors []executor `json:"executors"`
}

type executor struct {
	Executor      string          `json:"executor"`
	Configuration json.RawMessage `json:"configuration"`
}

type policy struct {
	Name       string `json:"name"`
	Enabled    bool   `json:"enabled"`
	Conditions []struct {
		Condition     string `json:"condition"`
		Configuration struct {
			Types    []string `json:"type"`
			Roles    []string `json:"roles"`
			Negative bool     `json:"is-negative-logic"`
		} `json:"configuration"`
	} `json:"conditions"`
	Profiles []string `json:"profiles"`
}

// rotation returns the periods that apply to a client, or nil.
func (s *Server) rotation(r *realm, c *client) *periods {
	for _, raw := range r.policies {
		var p policy
		if json.Unmarshal(raw, &p) != nil || !p.matches(c) {
			continue
		}
		for _, raw := range r.profiles {
			var f profile
			if json.Unmarshal(raw, &f) != nil || !slices.Contains(p.Profiles, f.Name) {
				continue
			}
			for _, e := range f.Executors {
				var config periods
				if e.Executor == rotationExecutor && json.Unmarshal(e.Configuration, &config) == nil {
					return &config
				}
			}
		}
	}
	return nil
}

func (p *policy) matches(c *client) bool {
	access := "confidential"
	if c.public {
		access = "public"
	} else if c.bearer {
		access = "bearer-only"
	}
	for _, condition := range p.Conditions {
		config, vote := condition.Configuration, false
		switch condition.Condition {
		case "client-access-type":
			vote = slices.Contains(config.Types, access)
		case "client-roles":
			vote = slices.ContainsFunc(config.Roles, func(role string) bool { return slices.Contains(c.defined, role) })
		case "any-client":
			vote = true
		}
		if vote == config.Negative {
			return false
		}
	}
	return p.Enabled && len(p.Conditions) > 0
}

func (s *Server) getPolicies(realm *realm, w http.ResponseWriter, r *http.Request) {
	own, global := realm.profiles, []json.RawMessage{}
	globalName, kind := "globalProfiles", r.PathValue("kind")
	switch kind {
	case "profiles":
		if r.URL.Query().Get("include-global-profiles") == "true" {
			for _, p := range globalProfiles() {
				raw, _ := json.Marshal(p)
				global = append(global, raw)
			}
		}
	case "policies":
		own, globalName = realm.policies, "globalPolicies"
	default:
		fail(w, http.StatusNotFound, "HTTP 404 Not Found", "")
		return
	}
	if own == nil {
		own = []json.RawMessage{}
	}
	answer(w, http.StatusOK, map[string]any{kind: own, globalName: global})
}

// putPolicies replaces the whole document.
func (s *Server) putPolicies(realm *realm, w http.ResponseWriter, r *http.Request) {
	var body struct {
		Profiles []json.RawMessage `json:"profiles"`
		Policies []json.RawMessage `json:"policies"`
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil {
		failAdmin(w, http.StatusBadRequest, "unable to read contents from stream")
		return
	}
	var problem string
	switch r.PathValue("kind") {
	case "profiles":
		var missing bool
		if problem, missing = checkProfiles(body.Profiles); missing {
			crash(w) // a configuration or a period of one is missing
			return
		}
		if problem == "" {
			realm.profiles = body.Profiles
		}
	case "policies":
		if problem = realm.checkPolicies(body.Policies); problem == "" {
			realm.policies = body.Policies
		}
	default:
		fail(w, http.StatusNotFound, "HTTP 404 Not Found", "")
		return
	}
	if problem != "" {
		failAdmin(w, http.StatusBadRequest, problem)
		return
	}
	answer(w, http.StatusNoContent, nil)
}

func checkProfiles(list []json.RawMessage) (problem string, missing bool) {
	names := map[string]bool{}
	for _, raw := range list {
		var p profile
		if json.Unmarshal(raw, &p) != nil || p.Name == "" || names[p.Name] || isGlobal(p.Name) {
			return "profile " + p.Name + " is invalid or there twice", false
		}
		names[p.Name] = true
		for _, e := range p.Executors {
			blurred := "Profile " + p.Name + " contains executor " + e.Executor + " which does not have valid provider, or has invalid configuration"
			if e.Executor != rotationExecutor && e.Executor != "consent-required" {
				return blurred, false
			}
			if e.Configuration == nil {
				return "", true
			}
			if e.Executor != rotationExecutor {
				continue
			}
			var present map[string]json.RawMessage
			var config periods
			if json.Unmarshal(e.Configuration, &present) != nil || len(present) < 3 {
				return "", true
			}
			if json.Unmarshal(e.Configuration, &config) != nil || config.Expiration <= 0 || config.Rotated > config.Expiration || config.Remaining > config.Expiration {
				return blurred, false
			}
		}
	}
	return "", false
}

func (r *realm) checkPolicies(list []json.RawMessage) string {
	profiles := map[string]bool{}
	for _, raw := range r.profiles {
		var p profile
		json.Unmarshal(raw, &p)
		profiles[p.Name] = true
	}
	names := map[string]bool{}
	for _, raw := range list {
		var p policy
		if json.Unmarshal(raw, &p) != nil || p.Name == "" || names[p.Name] {
			return "policy " + p.Name + " is invalid or there twice"
		}
		names[p.Name] = true
		for _, name := range p.Profiles {
			if !profiles[name] && !isGlobal(name) {
				return "Policy " + p.Name + " contains invalid profile " + name
			}
		}
		for _, c := range p.Conditions {
			if !slices.Contains([]string{"client-access-type", "client-roles", "any-client", "client-scopes", "client-updater-context"}, c.Condition) {
				return "Policy " + p.Name + " contains condition " + c.Condition + " which does not have valid provider, or has invalid configuration"
			}
		}
	}
	return ""
}
