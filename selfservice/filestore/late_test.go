package filestore

import (
	"context"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// suspended is the context of a writer that others overtake. Save calls its Err
// before each step; at the step-th call the others save.
type suspended struct {
	context.Context
	step   int
	others func()
	late   bool
}

func (s *suspended) Err() error {
	if s.step--; s.step == 0 {
		s.late = true
		s.others()
	}
	return nil
}

// TestLateWriter suspends a writer between any two steps of Save while others save,
// until the name that it is about to link is taken, or taken and free again. Its
// version has been replaced, so it must fail.
func TestLateWriter(t *testing.T) {
	for _, before := range []int{0, 1} {
		for _, others := range []int{1, keepVersions, 2 * keepVersions} {
			for step := 1; ; step++ {
				d := Dir(t.TempDir() + "/key")
				version := saveTimes(t, d, before, "")
				ctx := &suspended{Context: t.Context(), step: step, others: func() { saveTimes(t, d, others, version) }}
				_, err := d.Save(ctx, []byte("late"), version)
				if !ctx.late {
					require.NoError(t, err)
					require.Greater(t, step, 3, "before it lists, before it lists again, before it links")
					break
				}
				require.ErrorIs(t, err, selfservice.ErrConflict, "before step %d, %d others", step, others)
				versions, temps, err := opened(t, d).list()
				require.NoError(t, err)
				assert.Len(t, versions, min(before+others, keepVersions), "nothing came back")
				assert.Empty(t, temps)
			}
		}
	}
}

func opened(t *testing.T, d Dir) *folder {
	t.Helper()
	f, err := d.open()
	require.NoError(t, err)
	require.NotNil(t, f)
	t.Cleanup(func() { f.root.Close() })
	return f
}

func saveTimes(t *testing.T, d Dir, times int, version string) string {
	t.Helper()
	for range times {
		next, err := d.Save(t.Context(), []byte("state"), version)
		require.NoError(t, err)
		version = next
	}
	return version
}

// TestLateCleaner resumes the cleaning of an old Save: it removes nothing newer than
// what it listed.
func TestLateCleaner(t *testing.T) {
	d := Dir(t.TempDir() + "/key")
	version := saveTimes(t, d, 20, "")
	f := opened(t, d)
	tmp, err := f.writeTemp(21, encodeState([]byte("next")))
	require.NoError(t, err)
	f.clean(12)
	require.NoError(t, f.publish(t.Context(), tmp, 21, version))
	blob, _, err := d.Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "next", string(blob))
}

// FuzzStateFile: only what was encoded decodes.
func FuzzStateFile(f *testing.F) {
	f.Add([]byte{})
	f.Add(encodeState(nil))
	f.Add(encodeState([]byte("{}")))
	f.Add([]byte(stateMagic + strings.Repeat("0", 64) + "\n{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if blob, ok := decodeState(raw); ok {
			assert.Equal(t, raw, encodeState(blob))
		}
		blob, ok := decodeState(encodeState(raw))
		assert.True(t, ok)
		assert.Equal(t, string(raw), string(blob))
	})
}

// FuzzStateName: a name is parsed only if it is one that would be written.
func FuzzStateName(f *testing.F) {
	for _, name := range []string{"state-1", "state-0", "state-007", "state-1.tmp-2", "state-9223372036854775807", "state-9223372036854775808"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n, temp := parseName(name)
		written, _, found := strings.Cut(name, ".tmp-")
		if n > 0 {
			assert.Equal(t, written, stateName(n))
			assert.Equal(t, found, temp)
		}
	})
}
