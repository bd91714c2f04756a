package keycloak_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/require"
)

// TestAKeyThatLocksOutIsTakenBack adds a key at a server that refuses all of the
// client's keys from then on, as one does whose policy no Admin can see.
func TestAKeyThatLocksOutIsTakenBack(t *testing.T) {
	for name, ends := range map[string]func(*http.Request) bool{ // where the context does
		"never":                func(*http.Request) bool { return false },
		"after the update":     func(r *http.Request) bool { return r.Method == http.MethodPut },
		"while it is verified": func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/realms/test/") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFaulty(t, false, 1)
			first, next := newKey(t), newKey(t)
			require.NoError(t, f.admin.SetKeys(t.Context(), f.id, set(first)))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			updated := false
			base := providertest.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if ends(r) {
					defer cancel()
				}
				own := strings.HasPrefix(r.URL.Path, "/realms/test/")
				if own && updated {
					w.WriteHeader(http.StatusUnauthorized)
					_, _ = w.Write([]byte(`{"error":"invalid_client"}`))
					return
				}
				f.server.ServeHTTP(w, r)
				updated = updated || r.Method == http.MethodPut
			}))
			p := keycloak.JWKS{Client: &keycloak.Client{Realm: f.realm(base), ClientID: "app", Admin: f.administrator(base)}}
			_, err := p.Register(ctx, selfservice.Credential{Key: first}, selfservice.Credential{Key: next})
			require.ErrorIs(t, err, admin.ErrLost)
			require.True(t, updated)
			info, err := f.admin.Client(t.Context(), f.id)
			require.NoError(t, err)
			stored, err := info.Keys()
			require.NoError(t, err)
			require.Equal(t, []string{first.Thumbprint()}, thumbprints(stored))
		})
	}
}

func thumbprints(s keys.Set) (list []string) {
	for _, key := range s.Keys {
		list = append(list, key.Thumbprint())
	}
	return list
}
