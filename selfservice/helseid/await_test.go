package helseid_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/require"
)

func TestAwaitKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, key, next := helseidtest.NewHandler("http://127.0.0.1"), newKey(t), newKey(t)
		server.Propagation = time.Minute
		server.AddClient(clientID, key.PublicKey())
		client := &helseid.Client{Environment: server.Environment(), ClientID: clientID, Base: providertest.Handler(server)}
		server.Inject(at("/connect/token", helseidtest.Fault{Delay: time.Second}))
		for _, timeout := range []time.Duration{9500 * time.Millisecond, 10500 * time.Millisecond} { // during a request, and between two
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			require.ErrorIs(t, client.AwaitKey(ctx, next), assertion.ErrInvalidClient, "it is not registered")
		}
		server.Inject(nil)

		_, err := client.UpdateClientSecret(t.Context(), key, next.PublicKey())
		require.NoError(t, err)
		require.ErrorIs(t, client.VerifyKey(t.Context(), next), assertion.ErrInvalidClient)
		require.NoError(t, client.AwaitKey(t.Context(), next))
	})
}
