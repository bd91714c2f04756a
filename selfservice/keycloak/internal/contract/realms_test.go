package contract_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak"
)

// spare holds emptied realms that other tests can reuse. For a new realm a live
// server makes two RSA keys and a hundred roles, which takes longer than most
// tests.
var spare struct {
	sync.Mutex
	names []string
}

// enter gives the test a realm of its own until the test ends.
func (tg *target) enter() {
	spare.Lock()
	defer spare.Unlock() // a small database locks whole tables for a new realm
	if n := len(spare.names); n > 0 {
		tg.realm.Name, spare.names = spare.names[n-1], spare.names[:n-1]
	} else {
		tg.realm.Name = "nokkel-" + strings.ToLower(rand.Text()[:8])
		tg.rest(http.MethodPost, "/admin/realms", map[string]any{"realm": tg.realm.Name, "enabled": true})
	}
	tg.t.Cleanup(tg.leave)
}

// leave empties the realm for reuse. It is deleted if the test failed, and on a
// cluster, where the other nodes learn late that a client was removed.
func (tg *target) leave() {
	spoilt := tg.t.Failed() || len(tg.realm.Nodes) > 0
	if !spoilt {
		tg.rest(http.MethodPut, tg.path("client-policies/policies"), map[string]any{"policies": []any{}})
		tg.rest(http.MethodPut, tg.path("client-policies/profiles"), map[string]any{"profiles": []any{}})
		for _, c := range tg.rest(http.MethodGet, tg.path("clients"), nil).([]any) {
			if client := c.(map[string]any); !slices.Contains(itsOwnClients(), client["clientId"].(string)) {
				tg.rest(http.MethodDelete, tg.path("clients", client["id"].(string)), nil)
			}
		}
	}
	spare.Lock()
	defer spare.Unlock()
	if spoilt {
		tg.rest(http.MethodDelete, "/admin/realms/"+tg.realm.Name, nil)
	} else {
		spare.names = append(spare.names, tg.realm.Name)
	}
}

// itsOwnClients are the clients that every realm has.
func itsOwnClients() []string {
	return []string{"account", "account-console", "admin-cli", "broker", "realm-management", "security-admin-console"}
}

// administrator returns the tokens of the administrator of all realms.
func administrator(server string) *assertion.TokenSource {
	master := keycloak.Realm{Server: server, Name: "master"}
	return master.Tokens(&assertion.Basic{
		ClientID: or(os.Getenv("KEYCLOAK_ADMIN_CLIENT_ID"), "boot"), Secret: keys.NewSecret(or(os.Getenv("KEYCLOAK_ADMIN_CLIENT_SECRET"), "boot-secret")),
	}, nil)
}

// deleteRealms deletes the spare realms after all tests.
func deleteRealms(server string) (err error) {
	tokens := administrator(server)
	for _, name := range spare.names {
		token, tokenErr := tokens.Token(context.Background())
		if tokenErr != nil {
			return tokenErr
		}
		req, reqErr := http.NewRequest(http.MethodDelete, server+"/admin/realms/"+name, nil)
		if reqErr != nil {
			return reqErr
		}
		req.Header.Set("Authorization", "Bearer "+token.AccessToken.Reveal())
		resp, sendErr := http.DefaultTransport.RoundTrip(req)
		if sendErr != nil {
			return sendErr
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNoContent {
			err = errors.Join(err, fmt.Errorf("deleting the realm %s: %s", name, resp.Status))
		}
	}
	return err
}
