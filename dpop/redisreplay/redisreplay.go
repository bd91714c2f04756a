// Package redisreplay is a replay cache in Redis, for resource servers of many
// processes and machines:
//
//	client := redis.NewClient(options) // any client
//	cache := &redisreplay.Cache{Do: func(ctx context.Context, args ...any) (any, error) {
//		return client.Do(ctx, args...).Result()
//	}}
//	if err := cache.Check(ctx); err != nil {
//		return err
//	}
//	verifier := &dpop.Verifier{Replay: cache, Nonces: &dpop.Nonces{Secrets: secrets}}
//
// Processes that share the cache share the secrets of their nonces as well, or
// each refuses the nonces of the others: dpop.Verifier.Validate asks for them.
//
// It imports no client. The server is Redis 6.2 or newer, or Valkey, standalone
// or a cluster: the proofs by one key are under one name.
//
// Only the server's clock counts. It may step back by less than ten minutes, as
// when a replica with another clock takes over: proofs are deleted that long after
// their end. The server holds those of some twelve minutes, at 50 to 300 bytes each.
//
// A proof that Redis forgets can be used again. Redis must not evict
// (maxmemory-policy noeviction, see [Cache.Check]). A replica that takes over,
// or a server that restarts from disk, lacks the last proofs, which can be used
// again while they are fresh. Package sqlreplay has no such gap, if PostgreSQL
// waits for its standby.
package redisreplay

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nokkel/nokkel/dpop"
)

// Cache keeps the spent proofs of each key in a sorted set that expires ten
// minutes after the last of them. Its fields must not change after the first
// use. Its methods may be called concurrently.
type Cache struct {
	// Do sends one command and returns its reply: integers as int64, as the
	// clients do. The arguments are strings and ints.
	Do func(ctx context.Context, args ...any) (any, error)

	Prefix string // of all names; empty: "nokkel:replay:"
	MaxKey int    // proofs at a time by one key; zero: 10,000, some 125 a second
}

const (
	defaultMaxKey = 10_000

	// What is deleted could be used again if the clock stepped back.
	keep = 10 * time.Minute
)

// script takes the ID, its end in milliseconds, the bound, and for how many
// milliseconds what is over is kept. Redis runs it as one step. ZADD is the first
// that writes: after a write Redis does not stop a script that runs out of memory.
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now >= tonumber(ARGV[2]) then return 1 end
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 2 end
if redis.call('ZCOUNT', KEYS[1], now, '+inf') >= tonumber(ARGV[3]) then return 3 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[4])
local expiry = ARGV[2] + ARGV[4]
if redis.call('PTTL', KEYS[1]) < expiry - now then
	redis.call('PEXPIREAT', KEYS[1], expiry)
end
return 0`

// Validate returns a *[dpop.Error] with dpop.ErrConfig for an incomplete Cache. It
// does not ask the server: see [Cache.Check].
func (c *Cache) Validate() error {
	if c == nil || c.Do == nil || c.MaxKey < 0 {
		return config("a redisreplay.Cache needs Do, and MaxKey is not negative")
	}
	return nil
}

func config(detail string) error { return &dpop.Error{Rule: dpop.ErrConfig, Detail: detail} }

// Shared reports true: see [dpop.Replay].
func (c *Cache) Shared() bool { return true }

// Insert implements [dpop.Replay]. Errors that are not of package dpop are
// the client's. A Redis that is out of memory is [dpop.ErrReplayFull].
func (c *Cache) Insert(ctx context.Context, e dpop.Entry) error {
	if err := c.Validate(); err != nil {
		return err
	}
	until := e.Until.UnixMilli()
	if e.Until.Nanosecond()%1_000_000 > 0 {
		until++
	}
	args := []any{
		1, cmp.Or(c.Prefix, "nokkel:replay:") + base64.RawURLEncoding.EncodeToString(e.Owner[:]),
		string(e.ID[:]), strconv.FormatInt(until, 10), cmp.Or(c.MaxKey, defaultMaxKey), int(keep.Milliseconds()),
	}
	sum := sha1.Sum([]byte(script)) // Redis's name for it
	reply, err := c.Do(ctx, append([]any{"EVALSHA", hex.EncodeToString(sum[:])}, args...)...)
	if err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") {
		reply, err = c.Do(ctx, append([]any{"EVAL", script}, args...)...)
	}
	switch {
	case err != nil && strings.HasPrefix(err.Error(), "OOM"):
		return dpop.ErrReplayFull
	case err != nil:
		return err
	}
	switch reply {
	case int64(0):
		return nil
	case int64(1):
		return dpop.ErrProofTime
	case int64(2):
		return dpop.ErrReplayed
	case int64(3):
		return dpop.ErrReplayKeyFull
	}
	return config(fmt.Sprintf("the Do of a redisreplay.Cache returned a %T for an integer of the script", reply))
}

// Check returns [dpop.ErrConfig] for a server that may evict. Call it at
// startup. It needs the right to call INFO. It asks one server: for a cluster
// call it for each master, with a Do that asks that one, or it says nothing of
// the others:
//
//	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
//		do := func(ctx context.Context, args ...any) (any, error) { return node.Do(ctx, args...).Result() }
//		return (&redisreplay.Cache{Do: do}).Check(ctx)
//	})
func (c *Cache) Check(ctx context.Context) error {
	if err := c.Validate(); err != nil {
		return err
	}
	reply, err := c.Do(ctx, "INFO", "memory")
	if err != nil {
		return err
	}
	info := ""
	switch r := reply.(type) {
	case string:
		info = r
	case []byte:
		info = string(r)
	}
	if !strings.Contains(info, "maxmemory_policy:noeviction\r\n") {
		return config("the maxmemory-policy of Redis is not noeviction, so spent proofs may be forgotten")
	}
	return nil
}
