package contract_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPoliciesOfOthersStay(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		const foreignProfile = `{"name":"theirs","description":"d","executors":[{"executor":"consent-required","configuration":{"auto-configure":true}}]}`
		const foreignPolicy = `{"name":"theirs","description":"d","enabled":false,"conditions":[{"condition":"any-client","configuration":{"is-negative-logic":true}}],"profiles":["theirs"]}`
		tg.rest(http.MethodPut, tg.path("client-policies/profiles"), json.RawMessage(`{"profiles":[`+foreignProfile+`]}`))
		tg.rest(http.MethodPut, tg.path("client-policies/policies"), json.RawMessage(`{"policies":[`+foreignPolicy+`]}`))
		foreign := func() (profile, policy any) {
			profiles := tg.rest(http.MethodGet, tg.path("client-policies/profiles"), nil).(map[string]any)["profiles"].([]any)
			policies := tg.rest(http.MethodGet, tg.path("client-policies/policies"), nil).(map[string]any)["policies"].([]any)
			return profiles[0], policies[0]
		}
		profileBefore, policyBefore := foreign()

		weekly := admin.RotationProfile{Name: "weekly", Description: "every week", Expiration: 7 * day, Rotated: 2 * day, Remaining: day}
		require.NoError(t, tg.admin.PutRotationProfile(ctx, weekly))
		policy := admin.Policy{Name: "all", AccessTypes: []string{"confidential"}, Profiles: []string{"weekly"}}
		require.NoError(t, tg.admin.PutPolicy(ctx, policy))
		weekly.Expiration = 14 * day
		require.NoError(t, tg.admin.PutRotationProfile(ctx, weekly))
		policy.Disabled, policy.Roles = true, []string{"rotates"}
		require.NoError(t, tg.admin.PutPolicy(ctx, policy))

		profiles, err := tg.admin.RotationProfiles(ctx)
		require.NoError(t, err)
		assert.Equal(t, []admin.RotationProfile{weekly}, profiles)
		policies, err := tg.admin.Policies(ctx)
		require.NoError(t, err)
		require.Len(t, policies, 2)
		assert.Equal(t, []string{"any-client"}, policies[0].Others)
		assert.Equal(t, policy, policies[1])

		require.ErrorIs(t, tg.admin.DeleteProfile(ctx, "weekly"), admin.ErrConflict, "a policy names it")
		require.NoError(t, tg.admin.DeletePolicy(ctx, "all"))
		require.NoError(t, tg.admin.DeletePolicy(ctx, "all"), "repeated")
		require.NoError(t, tg.admin.DeleteProfile(ctx, "weekly"))
		profileAfter, policyAfter := foreign()
		assert.Equal(t, profileBefore, profileAfter)
		assert.Equal(t, policyBefore, policyAfter)
	})
}

func TestExecutorsNeedAConfiguration(t *testing.T) {
	each(t, func(tg *target) {
		for configuration, want := range map[string]int{``: http.StatusInternalServerError, `,"configuration":{}`: http.StatusNoContent} {
			document := `{"profiles":[{"name":"p","executors":[{"executor":"consent-required"` + configuration + `}]}]}`
			status, _ := tg.raw(http.MethodPut, tg.path("client-policies/profiles"), "application/json", []byte(document))
			assert.Equal(tg.t, want, status, configuration)
		}
	})
}

func TestPoliciesWrittenByTheConsole(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		tg.rest(http.MethodPut, tg.path("client-policies/profiles"), json.RawMessage(`{"profiles":[{"name":"p","executors":[
			{"executor":"consent-required","configuration":{}},
			{"executor":"secret-rotation","configuration":{"expiration-period":"2505600","rotated-expiration-period":"172800","remaining-rotation-period":"864000"}}]}]}`))
		profiles, err := tg.admin.RotationProfiles(ctx)
		require.NoError(t, err)
		want := admin.RotationProfile{Name: "p", Expiration: 29 * day, Rotated: 2 * day, Remaining: 10 * day}
		assert.Equal(t, []admin.RotationProfile{want}, profiles)
		want.Expiration = 30 * day
		require.NoError(t, tg.admin.PutRotationProfile(ctx, want))
		profiles, err = tg.admin.RotationProfiles(ctx)
		require.NoError(t, err)
		assert.Equal(t, []admin.RotationProfile{want}, profiles)
		raw := tg.rest(http.MethodGet, tg.path("client-policies/profiles"), nil).(map[string]any)["profiles"].([]any)[0].(map[string]any)
		assert.Len(t, raw["executors"], 2, "the other executor stays")
	})
}

// TestConditionsThatPolicyCannotShowStay checks that a change keeps them. Without
// them the policy would apply to more clients than before.
func TestConditionsThatPolicyCannotShowStay(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		require.NoError(t, tg.admin.PutRotationProfile(ctx, admin.RotationProfile{Name: "p", Expiration: day}))
		tg.rest(http.MethodPut, tg.path("client-policies/policies"), json.RawMessage(`{"policies":[{"name":"q","enabled":true,"profiles":["p"],"conditions":[
			{"condition":"client-access-type","configuration":{"type":["confidential","public"]}},
			{"condition":"client-access-type","configuration":{"type":["confidential"]}},
			{"condition":"client-roles","configuration":{"roles":[]}}]}]}`))
		policies, err := tg.admin.Policies(ctx)
		require.NoError(t, err)
		require.Len(t, policies, 1)
		assert.Equal(t, []string{"confidential", "public"}, policies[0].AccessTypes)
		assert.Equal(t, []string{"client-access-type", "client-roles"}, policies[0].Others)
		require.NoError(t, tg.admin.PutPolicy(ctx, policies[0]))
		again, err := tg.admin.Policies(ctx)
		require.NoError(t, err)
		assert.Equal(t, policies, again)
	})
}

func TestAPolicyActsOnTheClientsOfItsConditions(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		require.NoError(t, tg.admin.PutRotationProfile(ctx, admin.RotationProfile{Name: "p", Expiration: day, Rotated: time.Hour, Remaining: time.Hour}))
		require.NoError(t, tg.admin.PutPolicy(ctx, admin.Policy{Name: "q", AccessTypes: []string{"confidential"}, Roles: []string{"rotates", "other"}, Profiles: []string{"p"}}))
		with, _ := tg.client("with", nil)
		without, _ := tg.client("without", nil)
		tg.rest(http.MethodPost, tg.path("clients", with, "roles"), map[string]string{"name": "rotates"})
		overlap, err := tg.admin.Overlap(ctx, with)
		require.NoError(t, err)
		assert.True(t, overlap)
		overlap, err = tg.admin.Overlap(ctx, without)
		require.NoError(t, err)
		assert.False(t, overlap)

		secret, err := tg.admin.ClientSecret(ctx, with)
		require.NoError(t, err)
		_, err = tg.admin.RegenerateSecret(ctx, with)
		require.NoError(t, err)
		require.NoError(t, tg.admin.DeletePolicy(ctx, "q"))
		assert.True(t, tg.acceptsSecret("with", secret), "until the next update")
		require.NoError(t, tg.admin.UpdateClient(ctx, with, admin.Change{}))
		assert.False(t, tg.acceptsSecret("with", secret))
	})
}

func TestPoliciesThatTheServerWouldRefuse(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		global := tg.rest(http.MethodGet, tg.path("client-policies/profiles?include-global-profiles=true"), nil).(map[string]any)["globalProfiles"].([]any)
		name := global[0].(map[string]any)["name"].(string)
		require.ErrorIs(t, tg.admin.PutRotationProfile(ctx, admin.RotationProfile{Name: name, Expiration: day}), admin.ErrConfig, "a global name")
		require.ErrorIs(t, tg.admin.PutPolicy(ctx, admin.Policy{Name: "q", AccessTypes: []string{"public"}, Profiles: []string{"nobody"}}), admin.ErrNotFound)
		require.NoError(t, tg.admin.PutPolicy(ctx, admin.Policy{Name: "q", AccessTypes: []string{"public"}, Profiles: []string{name}}), "a global profile may be named")

		// What a live server answers, and the fake too.
		for config, want := range map[string]int{
			`{"expiration-period":10,"rotated-expiration-period":20,"remaining-rotation-period":1}`:  http.StatusBadRequest,
			`{"expiration-period":10,"rotated-expiration-period":1,"remaining-rotation-period":20}`:  http.StatusBadRequest,
			`{"expiration-period":-1,"rotated-expiration-period":-2,"remaining-rotation-period":0}`:  http.StatusBadRequest,
			`{"expiration-period":10,"rotated-expiration-period":1}`:                                 http.StatusInternalServerError,
			`{"expiration-period":10,"rotated-expiration-period":10,"remaining-rotation-period":10}`: http.StatusNoContent,
		} {
			status, _ := tg.raw(http.MethodPut, tg.path("client-policies/profiles"), "application/json",
				json.RawMessage(`{"profiles":[{"name":"p","executors":[{"executor":"secret-rotation","configuration":`+config+`}]}]}`))
			assert.Equal(t, want, status, config)
		}
		for body, want := range map[string]int{
			`{"profiles":[{"name":"p","executors":[{"executor":"nobodys","configuration":{}}]}]}`: http.StatusBadRequest,
			`{"profiles":[]}`: http.StatusNoContent, // removes them all
		} {
			status, _ := tg.raw(http.MethodPut, tg.path("client-policies/profiles"), "application/json", json.RawMessage(body))
			assert.Equal(t, want, status, body)
		}
		profiles, err := tg.admin.RotationProfiles(ctx)
		require.NoError(t, err)
		assert.Empty(t, profiles)
		status, text := tg.raw(http.MethodPut, tg.path("client-policies/policies"), "application/json",
			json.RawMessage(`{"policies":[{"name":"q","conditions":[],"profiles":["nobodys"]}]}`))
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Contains(t, string(text), "errorMessage")
	})
}

// TestAChangeThatAnotherAdministratorOverwroteIsLost shows that the document is
// written as a whole, so that the last write wins.
func TestAChangeThatAnotherAdministratorOverwroteIsLost(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		before := admin.RotationProfile{Name: "p", Description: "before", Expiration: day}
		require.NoError(t, tg.admin.PutRotationProfile(ctx, before))
		ours := before
		ours.Description, ours.Expiration = "", 2*day // the description stays
		for name, document := range map[string]string{
			"another period": `{"profiles":[{"name":"p","description":"before","executors":[{"executor":"secret-rotation","configuration":
				{"expiration-period":172801,"rotated-expiration-period":0,"remaining-rotation-period":0}}]}]}`,
			"one executor more": `{"profiles":[{"name":"p","description":"before","executors":[{"executor":"secret-rotation","configuration":
				{"expiration-period":172800,"rotated-expiration-period":0,"remaining-rotation-period":0}},{"executor":"consent-required","configuration":{}}]}]}`,
			"gone": `{"profiles":[]}`,
		} {
			realm := tg.realm
			realm.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
				resp, err := http.DefaultTransport.RoundTrip(r)
				if r.Method == http.MethodPut {
					tg.rest(http.MethodPut, tg.path("client-policies/profiles"), json.RawMessage(document))
				}
				return resp, err
			})
			raced := &admin.API{Realm: realm, Tokens: tg.tokens}
			require.ErrorIs(t, raced.PutRotationProfile(ctx, ours), admin.ErrLost, name)
			require.NoError(t, tg.admin.PutRotationProfile(ctx, ours), name)
		}
	})
}

// TestAChangeIsSeenInWhateverFormTheServerStoresIt includes entries that others
// wrote in their own form.
func TestAChangeIsSeenInWhateverFormTheServerStoresIt(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		tg.rest(http.MethodPut, tg.path("client-policies/profiles"), json.RawMessage(`{"profiles":[{"name":"p","description":null,"executors":[
			{"executor":"consent-required","configuration":{}},{"executor":"consent-required","configuration":{"auto-configure":"true","more":[1.50,1e3,null,{"none":null}]}}]}]}`))
		require.NoError(t, tg.admin.PutRotationProfile(ctx, admin.RotationProfile{Name: "p", Expiration: day}))
		require.NoError(t, tg.admin.PutRotationProfile(ctx, admin.RotationProfile{Name: "q", Description: "æ\u2028<b>", Expiration: day}))
		tg.rest(http.MethodPut, tg.path("client-policies/policies"), json.RawMessage(`{"policies":[{"name":"r","enabled":true,"profiles":["p"],"conditions":[
			{"condition":"any-client","configuration":{}},{"condition":"any-client","configuration":{"is-negative-logic":null}}]}]}`))
		require.NoError(t, tg.admin.PutPolicy(ctx, admin.Policy{Name: "r", Disabled: true, Profiles: []string{"q", "p"}, AccessTypes: []string{"public"}}))
	})
}
