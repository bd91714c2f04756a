package dpop_test

import (
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func entry(d time.Duration) dpop.Entry {
	e := dpop.Entry{Until: time.Now().Add(d)}
	rand.Read(e.ID[:])
	rand.Read(e.Owner[:])
	return e
}

// A full cache fails closed until entries expire.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &dpop.Memory{Max: 100}
		for range 100 {
			require.NoError(t, m.Insert(t.Context(), entry(time.Minute)))
		}
		for range 50 {
			require.ErrorIs(t, m.Insert(t.Context(), entry(time.Minute)), dpop.ErrReplayFull)
		}
		time.Sleep(time.Minute + 10*time.Second)
		for range 100 {
			require.NoError(t, m.Insert(t.Context(), entry(time.Minute)))
		}
		require.ErrorIs(t, m.Insert(t.Context(), entry(time.Minute)), dpop.ErrReplayFull)
	})
}

func TestOneKeyCannotFillMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &dpop.Memory{Max: 100} // a tenth for each key
		greedy := entry(0).Owner
		by := func(d time.Duration) error {
			e := entry(d)
			e.Owner = greedy
			return m.Insert(t.Context(), e)
		}
		for i := range 10 { // of any age
			require.NoError(t, by(time.Duration(10+7*i)*time.Second))
		}
		for range 100 {
			require.ErrorIs(t, by(time.Minute), dpop.ErrReplayKeyFull)
		}
		for range 90 {
			require.NoError(t, m.Insert(t.Context(), entry(time.Minute)))
		}
		time.Sleep(20 * time.Second)
		require.NoError(t, by(time.Minute), "its first one is over")
	})
}

// At no instant is a proof both forgotten and valid, whatever fraction of a second
// it expires at.
func TestReplayAtExpiry(t *testing.T) {
	for _, window := range []time.Duration{time.Minute, 1500 * time.Millisecond, 61*time.Second + 7*time.Nanosecond} {
		synctest.Test(t, func(t *testing.T) {
			v := &dpop.Verifier{Replay: &dpop.Memory{}, Window: window, Skew: time.Second}
			time.Sleep(300 * time.Millisecond)
			start := time.Now().Truncate(time.Second) // as in "iat"
			r := with(forge(goodHeader().String(), goodClaims().String()))
			_, err := v.Verify(t.Context(), r)
			require.NoError(t, err)
			late, end := 0, start.Add(window+time.Second)
			time.Sleep(time.Until(end.Add(-1500 * time.Millisecond)))
			for range 300 {
				_, err := v.Verify(t.Context(), r)
				if time.Now().Before(end) {
					require.ErrorIs(t, err, dpop.ErrReplayed)
				} else {
					require.ErrorIs(t, err, dpop.ErrProofTime)
					late++
				}
				time.Sleep(10*time.Millisecond - time.Nanosecond)
			}
			assert.NotZero(t, late)
		})
	}
}

// A checked proof is refused once the cache may have forgotten it.
func TestCheckedTooLongAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &dpop.Verifier{Replay: &dpop.Memory{}}
		checked, err := v.Check(t.Context(), with(forge(goodHeader().String(), goodClaims().String())))
		require.NoError(t, err)
		require.NoError(t, v.Consume(t.Context(), checked))
		time.Sleep(70 * time.Second)
		err = v.Consume(t.Context(), checked)
		require.ErrorIs(t, err, dpop.ErrProofTime)
		time.Sleep(time.Hour)
		require.ErrorIs(t, v.Consume(t.Context(), checked), dpop.ErrProofTime)
	})
}

// Many goroutines insert each proof twice while generations expire. Exactly one of
// the two succeeds.
func TestMemoryConcurrentExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &dpop.Memory{}
		var passed, refused atomic.Int32
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for range 100 {
					e := entry(time.Minute)
					for range 2 {
						switch err := m.Insert(t.Context(), e); {
						case err == nil:
							passed.Add(1)
						case errors.Is(err, dpop.ErrReplayed):
							refused.Add(1)
						}
						time.Sleep(time.Second)
					}
				}
			})
		}
		all.Wait()
		assert.Equal(t, []int32{2000, 2000}, []int32{passed.Load(), refused.Load()})
	})
}
