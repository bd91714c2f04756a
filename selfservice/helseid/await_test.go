package helseid_test

import (
	"context"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/stretchr/testify/require"
)

func TestAwaitKey(t *testing.T) {
	t.Parallel()
	server, client, key := setup(t)
	next := newKey(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, client.AwaitKey(ctx, next), assertion.ErrInvalidClient, "it is not registered")

	server.Propagation = 300 * time.Millisecond
	_, err := client.UpdateClientSecret(t.Context(), key, next.PublicKey())
	require.NoError(t, err)
	require.ErrorIs(t, client.VerifyKey(t.Context(), next), assertion.ErrInvalidClient)
	require.NoError(t, client.AwaitKey(t.Context(), next))
}
