package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostile clears the screen, sets the title, breaks and reverses lines, and holds
// invisible characters.
const hostile = "a\x1b[2J\x1b]0;title\a\u009b31m\u0085\u2028\u2029\u202e\u2066\u200b\r\nClientId: forged\tz"

// assertPrintable checks that the output has no control or invisible characters.
func assertPrintable(t *testing.T, r result) {
	t.Helper()
	for _, c := range r.stdout + r.stderr {
		require.True(t, c == '\n' || unicode.IsPrint(c), "%q", r.stdout+r.stderr)
	}
	assert.NotContains(t, r.stdout, "\nClientId: forged")
	assert.NotContains(t, r.stderr, "\nClientId: forged")
}

func TestServerTextIsPrintedSafely(t *testing.T) {
	t.Parallel()
	t.Run("an attribute", func(t *testing.T) { // a live server refuses parts of it
		k := newProxiedRealm(t, http.Handler.ServeHTTP)
		info, err := k.admin.FindClient(t.Context(), clientID)
		require.NoError(t, err)
		k.rest(http.MethodPut, "/admin/realms/"+k.realm.Name+"/clients/"+info.ID, map[string]any{
			"clientAuthenticatorType": "client-jwt", "attributes": map[string]string{"use.jwks.url": "true", "jwks.url": "https://" + hostile},
		})
		r := k.do("keycloak status", "-c", clientID)
		require.Equal(t, 0, r.code, r.stderr)
		assert.Contains(t, r.stdout, "JwksUrl: https://a")
		assertPrintable(t, r)
	})
	t.Run("a policy", func(t *testing.T) {
		k := newProxiedRealm(t, func(server http.Handler, w http.ResponseWriter, r *http.Request) {
			name, _ := json.Marshal(hostile)
			switch {
			case strings.HasSuffix(r.URL.Path, "/client-policies/profiles"):
				w.Header().Set("Content-Type", "application/json")
				w.Write([]byte(`{"profiles":[{"name":` + string(name) + `,"executors":[{"executor":"secret-rotation","configuration":{"expiration-period":3600,"rotated-expiration-period":60,"remaining-rotation-period":60}}]}]}`))
			case strings.HasSuffix(r.URL.Path, "/client-policies/policies"):
				w.Header().Set("Content-Type", "application/json")
				w.Write([]byte(`{"policies":[{"name":` + string(name) + `,"conditions":[{"condition":` + string(name) + `}],"profiles":[` + string(name) + `]}]}`))
			default:
				server.ServeHTTP(w, r)
			}
		})
		r := k.do("keycloak policy show")
		require.Equal(t, 0, r.code, r.stderr)
		assert.Contains(t, r.stdout, "Policy: ")
		assertPrintable(t, r)
	})
	t.Run("an error", func(t *testing.T) {
		k := newProxiedRealm(t, func(server http.Handler, w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/admin/") {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusForbidden)
				json.NewEncoder(w).Encode(map[string]string{"error": hostile, "error_description": hostile})
				return
			}
			server.ServeHTTP(w, r)
		}, noClient)
		r := k.do("keycloak status", "-c", clientID)
		assertFails(t, r, "the role for this is missing")
		assertPrintable(t, r)
	})
	for _, command := range []string{"helseid status", "readclientsecretexpiration"} {
		t.Run(command, func(t *testing.T) {
			f := setup(t)
			f.Inject(func(_ int, r *http.Request) *helseidtest.Fault {
				if r.URL.Path != "/v1/client-secret" {
					return nil
				}
				body, _ := json.Marshal([]map[string]string{{"kid": f.key.KeyID(), "origin": hostile}, {"kid": hostile, "origin": "Gui"}})
				return &helseidtest.Fault{Status: http.StatusOK, Body: string(body)}
			})
			r := invoke(t, "", f.args(command, "-ep", f.path("old_private.json"))...)
			require.Equal(t, 0, r.code, r.stderr)
			assert.Contains(t, r.stdout+r.stderr, "a [2J")
			assertPrintable(t, r)
		})
	}
}

func TestConsoleEscapesControlCharacters(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	c := &console{out: &out, err: &errs}
	for _, arg := range []any{hostile, assert.AnError, errHelp, []string{hostile}, http.MethodGet} {
		c.result("%v", arg)
		c.tell("%v %s %q", arg, hostile, hostile)
	}
	c.credential(hostile, hostile, time.Now(), time.Time{}, hostile)
	assertPrintable(t, result{stdout: out.String(), stderr: errs.String()})
}

func TestUnprintableSecretIsNotShown(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		info, err := k.admin.FindClient(t.Context(), clientID)
		require.NoError(t, err)
		k.policy()
		k.rest(http.MethodPut, "/admin/realms/"+k.realm.Name+"/clients/"+info.ID, map[string]any{"secret": hostile, "attributes": map[string]string{}})
		k.must("keycloak secret regenerate", "-y", "-p", k.path("next"))
		r := k.do("keycloak secret rotated", "-c", clientID, "-show")
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stderr, "--SecretPath takes them")
		assertPrintable(t, r)
		k.must("keycloak secret rotated", "-p", k.path("old"))
		assert.Equal(t, hostile, readPrivate(t, k.path("old")))
	})
}

func TestStateShowJSONIsPrintable(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(hostile + "😀\u00e6\U000e0001")
	require.NoError(t, err)
	shown := escaped(text)
	assertPrintable(t, result{stdout: shown})
	var back string
	require.NoError(t, json.Unmarshal([]byte(shown), &back))
	assert.Equal(t, hostile+"😀\u00e6\U000e0001", back)
}
