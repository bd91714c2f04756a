package filestore_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/internal/must"
	"github.com/nokkel/nokkel/selfservice/storetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// saves returns a Dir in which the blobs were saved, and the last version.
func saves(t *testing.T, blobs ...string) (d filestore.Dir, version string) {
	t.Helper()
	d = filestore.Dir(filepath.Join(t.TempDir(), "key"))
	for _, blob := range blobs {
		version = must.Save(t, d, blob, version)
	}
	return d, version
}

func TestDir(t *testing.T) {
	storetest.RunShared(t,
		func(t *testing.T) string { return t.TempDir() + "/app/key" },
		func(_ *testing.T, place string) selfservice.Store { return filestore.Dir(place) })
}

func names(t *testing.T, d filestore.Dir) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(string(d))
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestDamagedNewest truncates the newest file to every length and flips each of its
// bits: Load returns the version before, the next Save gets a higher number, and the
// damaged file stays.
func TestDamagedNewest(t *testing.T) {
	d, _ := saves(t, "one", "two")
	newest := filepath.Join(string(d), "state-2")
	sound, err := os.ReadFile(newest)
	require.NoError(t, err)
	damage := func(name string, raw []byte) {
		require.NoError(t, os.WriteFile(newest, raw, 0o600))
		blob, version := must.Load(t, d)
		require.Equal(t, "one", blob, name)
		require.Regexp(t, `^2-`, version, name)
	}
	for length := range sound {
		damage("torn", sound[:length])
	}
	for bit := range len(sound) * 8 {
		flipped := append([]byte(nil), sound...)
		flipped[bit/8] ^= 1 << (bit % 8)
		damage("flipped", flipped)
	}
	damage("longer", append(sound, 0))
	damage("zeros", make([]byte, len(sound)))

	version := func() string { _, v := must.Load(t, d); return v }()
	for range 20 {
		version = must.Save(t, d, "three", version)
	}
	blob, _ := must.Load(t, d)
	assert.Equal(t, "three", blob)
	damaged, err := d.Damaged()
	require.NoError(t, err)
	assert.Equal(t, []string{newest}, damaged)
}

// TestAllDamaged damages all versions that are kept, newest first.
func TestAllDamaged(t *testing.T) {
	d, version := saves(t, "1", "2", "3", "4", "5", "6", "7", "8", "9", "10")
	kept := []string{"3", "4", "5", "6", "7", "8", "9", "10"}
	for i := len(kept) - 1; i >= 0; i-- {
		blob, _ := must.Load(t, d)
		require.Equal(t, kept[i], blob)
		require.NoError(t, os.Truncate(filepath.Join(string(d), "state-"+kept[i]), 20))
	}
	blob, now, err := d.Load(t.Context())
	require.ErrorIs(t, err, selfservice.ErrCorrupt)
	assert.Nil(t, blob)
	assert.NotEqual(t, version, now, "a version depends on the content of its file")

	_, err = d.Save(t.Context(), []byte("stale"), version)
	require.ErrorIs(t, err, selfservice.ErrConflict)
	must.Save(t, d, "started over", now)
	again, _ := must.Load(t, d)
	assert.Equal(t, "started over", again)
}

// TestEmptiedByHand: the number of a file comes back, but not its version.
func TestEmptiedByHand(t *testing.T) {
	d, old := saves(t, "before")
	require.NoError(t, os.RemoveAll(string(d)))
	must.Save(t, d, "after", "")
	_, err := d.Save(t.Context(), []byte("late"), old)
	require.ErrorIs(t, err, selfservice.ErrConflict)
}

// TestCrashLeftovers creates what a process leaves when it dies between two steps of
// Save.
func TestCrashLeftovers(t *testing.T) {
	for _, c := range []struct {
		died  string
		leave func(t *testing.T, dir string)
		want  string
	}{
		{"after making the directory", func(t *testing.T, dir string) {
			require.NoError(t, os.RemoveAll(dir))
			require.NoError(t, os.Mkdir(dir, 0o700))
		}, ""},
		{"after making the temporary file", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "state-3.tmp-1"), nil, 0o600))
		}, "two"},
		{"while writing it", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "state-3.tmp-1"), []byte("nokkel-st"), 0o600))
		}, "two"},
		{"after linking it", func(t *testing.T, dir string) {
			require.NoError(t, os.Link(filepath.Join(dir, "state-2"), filepath.Join(dir, "state-2.tmp-1")))
		}, "two"},
		{"long ago, several times", func(t *testing.T, dir string) {
			for _, name := range []string{"state-1.tmp-7", "state-1.tmp-8", "state-2.tmp-x"} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
			}
		}, "two"},
	} {
		t.Run(c.died, func(t *testing.T) {
			d, _ := saves(t, "one", "two")
			c.leave(t, string(d))
			blob, version := must.Load(t, d)
			assert.Equal(t, c.want, blob)
			must.Save(t, d, "next", version)
			blob, _ = must.Load(t, d)
			assert.Equal(t, "next", blob)
			assert.NotContains(t, strings.Join(names(t, d), " "), "tmp")
		})
	}
}

func TestKeepsForeignFiles(t *testing.T) {
	d, version := saves(t, "one")
	foreign := []string{"README", "state-", "state-0", "state-01", "state-+1", "state-1x", "state-x.tmp-1", "state-9223372036854775807", "state-99999999999999999999"}
	for _, name := range foreign {
		require.NoError(t, os.WriteFile(filepath.Join(string(d), name), nil, 0o600))
	}
	for range 20 {
		version = must.Save(t, d, "more", version)
	}
	assert.Subset(t, names(t, d), foreign)
	assert.Len(t, names(t, d), len(foreign)+8)
}

// TestHighestNumber: what Save writes, Load must find.
func TestHighestNumber(t *testing.T) {
	d, _ := saves(t, "one")
	stray := filepath.Join(string(d), "state-4611686018427387903")
	require.NoError(t, os.WriteFile(stray, nil, 0o600))
	blob, version := must.Load(t, d)
	assert.Equal(t, "one", blob)
	_, err := d.Save(t.Context(), []byte("two"), version)
	require.ErrorIs(t, err, filestore.ErrNumber)
	require.NoError(t, os.Remove(stray))
	blob, version = must.Load(t, d)
	assert.Equal(t, "one", blob)
	must.Save(t, d, "two", version)
}

func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has access lists, not modes")
	}
	d, _ := saves(t, "one")
	info, err := os.Stat(string(d))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	info, err = os.Stat(filepath.Join(string(d), "state-1"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestNeedsPath(t *testing.T) {
	_, _, err := filestore.Dir("").Load(t.Context())
	require.ErrorIs(t, err, selfservice.ErrConfig)
	_, err = filestore.Dir("").Save(t.Context(), []byte("x"), "")
	require.ErrorIs(t, err, selfservice.ErrConfig)
}

// TestUnreadable: Load does not fall back after an I/O error, as the file may be
// readable in a minute. The same holds for the version below a damaged one.
func TestUnreadable(t *testing.T) {
	d, _ := saves(t, "one", "two", "three")
	require.NoError(t, os.Truncate(filepath.Join(string(d), "state-3"), 20))
	require.NoError(t, os.Remove(filepath.Join(string(d), "state-2")))
	require.NoError(t, os.Mkdir(filepath.Join(string(d), "state-2"), 0o700))
	_, version, err := d.Load(t.Context())
	var refused *filestore.Error
	require.ErrorAs(t, err, &refused)
	assert.Empty(t, version)

	d, version = saves(t, "one")
	require.NoError(t, os.Mkdir(filepath.Join(string(d), "state-2"), 0o700)) // not even root can read it
	_, _, err = d.Load(t.Context())
	require.ErrorAs(t, err, &refused)
	_, err = d.Save(t.Context(), []byte("x"), version)
	require.ErrorAs(t, err, &refused)
	assert.False(t, errors.Is(err, selfservice.ErrConflict))
}
