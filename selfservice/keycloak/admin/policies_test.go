package admin_test

import (
	"testing"
	"time"

	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/require"
)

func TestRulesOfProfilesAndPolicies(t *testing.T) {
	for name, p := range map[string]admin.RotationProfile{
		"no name":                       {Expiration: day},
		"no expiration":                 {Name: "p"},
		"negative expiration":           {Name: "p", Expiration: -day},
		"over ten years":                {Name: "p", Expiration: 3651 * day},
		"parts of a second":             {Name: "p", Expiration: day + time.Millisecond},
		"rotated as long as expiration": {Name: "p", Expiration: day, Rotated: day},
		"negative rotated":              {Name: "p", Expiration: day, Rotated: -time.Second},
		"remaining over expiration":     {Name: "p", Expiration: day, Remaining: day + time.Second},
		"negative remaining":            {Name: "p", Expiration: day, Remaining: -time.Second},
	} {
		t.Run("profile: "+name, func(t *testing.T) {
			require.ErrorIs(t, unasked(t).PutRotationProfile(t.Context(), p), admin.ErrConfig)
		})
	}
	for name, p := range map[string]admin.Policy{
		"no name":             {AccessTypes: []string{"public"}, Profiles: []string{"p"}},
		"no profile":          {Name: "q", AccessTypes: []string{"public"}},
		"a profile twice":     {Name: "q", AccessTypes: []string{"public"}, Profiles: []string{"p", "p"}},
		"unknown access type": {Name: "q", AccessTypes: []string{"Confidential"}, Profiles: []string{"p"}},
		"an empty role":       {Name: "q", Roles: []string{""}, Profiles: []string{"p"}},
	} {
		t.Run("policy: "+name, func(t *testing.T) {
			require.ErrorIs(t, unasked(t).PutPolicy(t.Context(), p), admin.ErrConfig)
		})
	}
}
