package admin

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

const rotationExecutor = "secret-rotation"

// RotationProfile is a client profile with the executor secret-rotation. It acts
// on the clients of the policies that name it. It needs the preview feature
// client-secret-rotation, which is to be on by default from 26.8 on.
type RotationProfile struct {
	Name        string
	Description string

	// The periods of the executor, in whole seconds.
	Expiration time.Duration // how long a secret lives; at most 10 years
	Rotated    time.Duration // how long the old one is still accepted; shorter than Expiration; zero: not at all
	Remaining  time.Duration // how long before it expires an update through client registration makes a new one; at most Expiration
}

const maxPeriod = 10 * 365 * 24 * time.Hour // servers before 26.7 overflow in 2038 (32-bit seconds)

// check finds the errors that the server answers all with the same text or, for
// a missing period, with a 500.
func (p RotationProfile) check() error {
	switch {
	case p.Name == "":
		return refuse(ErrConfig, "a profile without a name")
	case p.Expiration%time.Second != 0 || p.Rotated%time.Second != 0 || p.Remaining%time.Second != 0:
		return refuse(ErrConfig, "a period must be in whole seconds")
	case p.Expiration <= 0:
		return refuse(ErrConfig, "the expiration period must be positive")
	case p.Expiration > maxPeriod:
		return refuse(ErrConfig, "the expiration period must be at most 10 years")
	case p.Rotated < 0 || p.Rotated >= p.Expiration:
		return refuse(ErrConfig, "the rotated period must be shorter than the expiration period")
	case p.Remaining < 0 || p.Remaining > p.Expiration:
		return refuse(ErrConfig, "the remaining rotation period must be at most the expiration period")
	}
	return nil
}

type executor struct {
	Executor      string          `json:"executor"`
	Configuration json.RawMessage `json:"configuration"`
}

type rotationConfig struct {
	Expiration seconds `json:"expiration-period"`
	Rotated    seconds `json:"rotated-expiration-period"`
	Remaining  seconds `json:"remaining-rotation-period"`
}

// seconds is a JSON number or, as the admin console writes it, a string.
type seconds int64

func (s *seconds) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err != nil || n > int64(maxPeriod/time.Second)*100 || n < 0 {
		return refuse(ErrMalformed, "a period of a rotation profile")
	}
	*s = seconds(n)
	return nil
}

func (s seconds) duration() time.Duration { return time.Duration(s) * time.Second }

// PutRotationProfile creates the profile, or changes the one with the same name:
// it keeps other executors, and the description if p has none. It returns
// [ErrFeature] if the server's feature client-secret-rotation is off.
func (a *API) PutRotationProfile(ctx context.Context, p RotationProfile) error {
	if err := p.check(); err != nil {
		return err
	}
	a.policies.Lock()
	defer a.policies.Unlock()
	err := profilesDocument().edit(ctx, a, p.Name, func(old entry) (entry, error) {
		var known struct {
			Executors []json.RawMessage `json:"executors"`
		}
		if old != nil && json.Unmarshal(old, &known) != nil {
			return nil, refuse(ErrMalformed, "a client profile")
		}
		executors := []any{}
		for _, raw := range known.Executors {
			var e executor
			if json.Unmarshal(raw, &e) != nil || e.Executor != rotationExecutor {
				executors = append(executors, raw)
			}
		}
		executors = append(executors, map[string]any{"executor": rotationExecutor, "configuration": rotationConfig{
			seconds(p.Expiration / time.Second), seconds(p.Rotated / time.Second), seconds(p.Remaining / time.Second),
		}})
		members := map[string]any{"name": p.Name, "executors": executors}
		if p.Description != "" || old == nil {
			members["description"] = p.Description
		}
		return set(old, members)
	})
	if errors.Is(err, ErrRefused) { // the server's text is the same whatever is wrong
		if info, infoErr := a.ServerInfo(ctx); infoErr == nil && info.Rotation == Off {
			return refuse(ErrFeature, "client-secret-rotation")
		}
	}
	return err
}

// RotationProfiles returns the realm's profiles that rotate secrets.
func (a *API) RotationProfiles(ctx context.Context) ([]RotationProfile, error) {
	own, _, err := profilesDocument().load(ctx, a)
	if err != nil {
		return nil, err
	}
	var found []RotationProfile
	for _, raw := range own {
		var profile struct {
			Name        string     `json:"name"`
			Description string     `json:"description"`
			Executors   []executor `json:"executors"`
		}
		if json.Unmarshal(raw, &profile) != nil {
			return nil, refuse(ErrMalformed, "a client profile")
		}
		for _, e := range profile.Executors {
			if e.Executor != rotationExecutor {
				continue
			}
			var c rotationConfig
			if json.Unmarshal(e.Configuration, &c) != nil {
				return nil, refuse(ErrMalformed, "a period of a rotation profile")
			}
			found = append(found, RotationProfile{
				Name: profile.Name, Description: profile.Description,
				Expiration: c.Expiration.duration(), Rotated: c.Rotated.duration(), Remaining: c.Remaining.duration(),
			})
		}
	}
	return found, nil
}

// DeleteProfile deletes a profile of the realm. It refuses one that a policy
// still names ([ErrConflict]): the server would delete it, and the policy would
// silently do nothing.
func (a *API) DeleteProfile(ctx context.Context, name string) error {
	a.policies.Lock()
	defer a.policies.Unlock()
	policies, _, err := policiesDocument().load(ctx, a)
	if err != nil {
		return err
	}
	for _, raw := range policies {
		var policy struct {
			Profiles []string `json:"profiles"`
		}
		if json.Unmarshal(raw, &policy) != nil {
			return refuse(ErrMalformed, "a client policy")
		}
		for _, p := range policy.Profiles {
			if p == name {
				return refuse(ErrConflict, "a policy still names the profile")
			}
		}
	}
	return profilesDocument().edit(ctx, a, name, func(entry) (entry, error) { return nil, nil })
}
