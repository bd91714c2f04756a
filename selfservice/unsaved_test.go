package selfservice_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestServedFromMemoryWhileTheStoreCannotBeWritten for hours after the server has
// replaced the credential.
func TestServedFromMemoryWhileTheStoreCannotBeWritten(t *testing.T) {
	for name, provider := range map[string]func(*model.Server, model.IO) selfservice.Provider{
		"register": (*model.Server).Registrar, "issue": (*model.Server).Issuer,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, store := &model.Server{ReplaceAtOnce: true}, &hookedStore{Store: &selfservice.Mem{}}
				first := secretCredential("the first secret, made by hand")
				server.Adopt(first)
				r := &selfservice.Rotator{Store: store, Provider: provider(server, func(point string, call func() error) error {
					if point == name {
						store.full.Store(true)
					}
					return call()
				})}
				require.NoError(t, r.Adopt(t.Context(), first))
				go r.Run(t.Context())
				go r.Rotate(t.Context())
				time.Sleep(10 * time.Second)
				for range 7200 { // a caller that reports no refusal
					require.True(t, server.Accepts(fingerprint(clientSecret(t, r))))
					time.Sleep(time.Second)
				}
				assert.Equal(t, 1, server.Registered())
				store.full.Store(false)
				time.Sleep(time.Hour)
				assert.True(t, server.Accepts(active(t, &selfservice.Rotator{Store: store})), "it is saved when there is room")
				assert.Equal(t, 1, server.Registered())
			})
		})
	}
}

// TestRegistrationThatWorksDoesNotWaitForRetryAfter: the server carried it out and
// answered 503.
func TestRegistrationThatWorksDoesNotWaitForRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{ReplaceAtOnce: true}
		r, first := adopted(t, server, server.Registrar(func(point string, call func() error) error {
			err := call()
			if point == "register" {
				err = errors.Join(err, &selfservice.CallError{Wait: time.Hour, Err: errors.New("503")})
			}
			return err
		}))
		start := time.Now()
		require.NoError(t, r.Rotate(t.Context()))
		assert.NotEqual(t, first.Fingerprint(), active(t, r))
		assert.Less(t, time.Since(start), time.Minute)
	})
}
