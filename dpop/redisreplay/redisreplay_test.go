package redisreplay_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/redisreplay"
	"github.com/nokkel/nokkel/dpop/replaytest"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The contract is tested on a live server in internal/redistest, which has the
// client libraries.

func TestReplies(t *testing.T) {
	down := errors.New("dial tcp: refused")
	for name, c := range map[string]struct {
		reply any
		err   error
		want  error
	}{
		"taken":           {int64(0), nil, nil},
		"late":            {int64(1), nil, dpop.ErrProofTime},
		"replayed":        {int64(2), nil, dpop.ErrReplayed},
		"by a greedy key": {int64(3), nil, dpop.ErrReplayKeyFull},
		"out of memory":   {nil, errors.New("OOM command not allowed when used memory > 'maxmemory'."), dpop.ErrReplayFull},
		"down":            {nil, down, down},
		"no reply":        {nil, nil, dpop.ErrConfig},
		"a string":        {"0", nil, dpop.ErrConfig},
		"another integer": {int64(4), nil, dpop.ErrConfig},
		"another type":    {0, nil, dpop.ErrConfig},
	} {
		t.Run(name, func(t *testing.T) {
			cache := &redisreplay.Cache{Do: func(context.Context, ...any) (any, error) { return c.reply, c.err }}
			require.ErrorIs(t, cache.Insert(t.Context(), replaytest.NewEntry(time.Minute)), c.want)
		})
	}
}

func TestScriptIsSentWhereItIsNotKnown(t *testing.T) {
	var sent []any
	cache := &redisreplay.Cache{Do: func(_ context.Context, args ...any) (any, error) {
		sent = append(sent, args[0])
		if args[0] == "EVALSHA" {
			return nil, errors.New("NOSCRIPT No matching script. Please use EVAL.")
		}
		return int64(0), nil
	}}
	require.NoError(t, cache.Insert(t.Context(), replaytest.NewEntry(time.Minute)))
	assert.Equal(t, []any{"EVALSHA", "EVAL"}, sent)
}

func TestConfiguration(t *testing.T) {
	never := func(context.Context, ...any) (any, error) { panic("sent") }
	e := replaytest.NewEntry(time.Minute)
	require.ErrorIs(t, (&redisreplay.Cache{}).Insert(t.Context(), e), dpop.ErrConfig)
	require.ErrorIs(t, (&redisreplay.Cache{}).Check(t.Context()), dpop.ErrConfig)
	require.ErrorIs(t, (&redisreplay.Cache{Do: never, MaxKey: -1}).Insert(t.Context(), e), dpop.ErrConfig)
}

// A cache that is not set up says so before the first request, and why.
func TestVerifierAsksTheCache(t *testing.T) {
	require.EqualError(t, (&dpop.Verifier{Replay: &redisreplay.Cache{}}).Validate(),
		"dpop: the verifier is not set up: a redisreplay.Cache needs Do, and MaxKey is not negative")
	never := func(context.Context, ...any) (any, error) { panic("sent") }
	v := &dpop.Verifier{Replay: &redisreplay.Cache{Do: never}, Nonces: &dpop.Nonces{}}
	require.ErrorIs(t, v.Validate(), dpop.ErrConfig, "processes that share it share Secrets")
	v.Nonces.Secrets = []keys.Secret{keys.NewSecret(rand.Text() + rand.Text())}
	require.NoError(t, v.Validate())
}

func TestNoTypeShowsASecret(t *testing.T) {
	keystest.PackageRedacted(t, map[string][]any{"Cache": {&redisreplay.Cache{}}})
}
