package redistest

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/redisreplay"
	"github.com/nokkel/nokkel/dpop/replaytest"
	"github.com/nokkel/nokkel/keys"
	goredis "github.com/redis/go-redis/v9"
)

type do = func(ctx context.Context, args ...any) (any, error)

// clients are those that the package is used with.
func clients(t *testing.T) map[string]do {
	address := os.Getenv("NOKKEL_REDIS")
	if address == "" && os.Getenv("NOKKEL_LIVE") == "1" {
		t.Fatal("NOKKEL_REDIS is not set")
	}
	if address == "" {
		t.Skip("NOKKEL_REDIS is not set: run .ci/redis go test")
	}
	return map[string]do{"go-redis": goRedis(t, address), "redigo": redigo(t, address)}
}

func goRedis(t *testing.T, address string) do {
	client := goredis.NewClient(&goredis.Options{Addr: address})
	t.Cleanup(func() { client.Close() })
	return func(ctx context.Context, args ...any) (any, error) { return client.Do(ctx, args...).Result() }
}

func redigo(t *testing.T, address string) do {
	pool := &redis.Pool{MaxIdle: 10, MaxActive: 20, Wait: true, DialContext: func(ctx context.Context) (redis.Conn, error) {
		return redis.DialContext(ctx, "tcp", address)
	}}
	t.Cleanup(func() { pool.Close() })
	return func(ctx context.Context, args ...any) (any, error) {
		conn, err := pool.GetContext(ctx)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		return redis.DoContext(conn, ctx, args[0].(string), args[1:]...)
	}
}

func TestRedis(t *testing.T) {
	for name := range clients(t) {
		t.Run(name, func(t *testing.T) {
			replaytest.RunShared(t,
				func(*testing.T) string { return rand.Text() + ":" },
				func(t *testing.T, place string, maxKey int) dpop.Replay {
					return &redisreplay.Cache{Do: clients(t)[name], Prefix: place, MaxKey: maxKey}
				})
		})
	}
}

// TestOneProofAtTwoServers: of 100 requests to two servers with a Redis in
// common one passes, and the others are replays.
func TestOneProofAtTwoServers(t *testing.T) {
	var servers []*dpop.Verifier
	prefix := rand.Text()
	for _, do := range clients(t) {
		servers = append(servers, &dpop.Verifier{Replay: &redisreplay.Cache{Do: do, Prefix: prefix}})
	}
	r := request(t)
	var passed, replayed atomic.Int32
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			switch _, err := servers[i%2].Verify(t.Context(), r); {
			case err == nil:
				passed.Add(1)
			case errors.Is(err, dpop.ErrReplayed):
				replayed.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if passed.Load() != 1 || replayed.Load() != 99 {
		t.Errorf("%d passed, %d were replays", passed.Load(), replayed.Load())
	}
}

func request(t *testing.T) dpop.Request {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	r := dpop.Request{Method: "GET", URL: "https://api.example.no/", Token: keys.NewSecret("token"), JKT: key.Thumbprint()}
	proof, err := dpop.Sign(t.Context(), key, dpop.Proof{URL: r.URL, AccessToken: r.Token})
	if err != nil {
		t.Fatal(err)
	}
	r.Proofs = []string{proof}
	return r
}

// TestRedisDown: nothing is let in, and that it is the store is said.
func TestRedisDown(t *testing.T) {
	for _, do := range []do{goRedis(t, "127.0.0.1:1"), redigo(t, "127.0.0.1:1")} {
		cache := &redisreplay.Cache{Do: do}
		if _, err := (&dpop.Verifier{Replay: cache}).Verify(t.Context(), request(t)); !errors.Is(err, dpop.ErrReplayStore) {
			t.Errorf("Verify: %v; want ErrReplayStore", err)
		}
		if cache.Check(t.Context()) == nil {
			t.Error("Check of a server that is not there")
		}
	}
}

// TestRedisOutOfMemory: a server that may not evict refuses, and one that may is
// no replay cache.
func TestRedisOutOfMemory(t *testing.T) {
	for name, do := range clients(t) {
		t.Run(name, func(t *testing.T) {
			set := func(name, value string) {
				t.Helper()
				if _, err := do(context.WithoutCancel(t.Context()), "CONFIG", "SET", name, value); err != nil {
					t.Fatal(err)
				}
			}
			defer set("maxmemory-policy", "noeviction")
			defer set("maxmemory", "0")
			cache := &redisreplay.Cache{Do: do, Prefix: rand.Text()}
			if err := cache.Check(t.Context()); err != nil {
				t.Error(err)
			}
			for _, policy := range []string{"allkeys-lru", "volatile-ttl", "volatile-random"} {
				set("maxmemory-policy", policy)
				if err := cache.Check(t.Context()); !errors.Is(err, dpop.ErrConfig) {
					t.Errorf("Check with %s: %v", policy, err)
				}
			}
			set("maxmemory-policy", "noeviction")
			e := replaytest.NewEntry(time.Minute)
			if err := cache.Insert(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			set("maxmemory", "1")
			if err := cache.Insert(t.Context(), replaytest.NewEntry(time.Minute)); !errors.Is(err, dpop.ErrReplayFull) {
				t.Errorf("Insert: %v; want ErrReplayFull", err)
			}
			set("maxmemory", "0")
			if err := cache.Insert(t.Context(), e); !errors.Is(err, dpop.ErrReplayed) {
				t.Errorf("Insert of the first one: %v; want ErrReplayed", err)
			}
		})
	}
}

// TestExpiredProofs: they are kept for ten minutes, in case the server's clock
// steps back, and no longer.
func TestExpiredProofs(t *testing.T) {
	const keep = 10 * time.Minute
	do := clients(t)["go-redis"]
	ask := func(args ...any) any {
		t.Helper()
		reply, err := do(t.Context(), args...)
		if err != nil && !errors.Is(err, goredis.Nil) {
			t.Fatal(err)
		}
		return reply
	}
	cache := &redisreplay.Cache{Do: do, Prefix: rand.Text()}
	e := replaytest.NewEntry(time.Minute)
	for _, d := range []time.Duration{time.Minute, time.Second} {
		e.ID, e.Until = replaytest.NewEntry(0).ID, time.Now().Add(d)
		if err := cache.Insert(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	name := ask("KEYS", cache.Prefix+"*").([]any)[0]
	ttl := time.Duration(ask("PTTL", name).(int64)) * time.Millisecond
	if ttl < keep+50*time.Second || ttl > keep+70*time.Second {
		t.Errorf("all is gone after %v", ttl)
	}
	for member, ago := range map[string]time.Duration{"kept": keep - time.Minute, "gone": keep + time.Second} {
		ask("ZADD", name, time.Now().Add(-ago).UnixMilli(), member)
	}
	e.ID = replaytest.NewEntry(0).ID
	if err := cache.Insert(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if ask("ZSCORE", name, "kept") == nil || ask("ZSCORE", name, "gone") != nil {
		t.Errorf("of what was over there is %v", ask("ZRANGE", name, 0, 1))
	}
}
