package filestore_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/internal/must"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestKilledAtEverySyscall has strace kill a process before each system call that
// its Save makes on the disk, in turn. The state is then the old one or the new
// one, whole; and the new one if Save returned.
func TestKilledAtEverySyscall(t *testing.T) {
	if dir, ok := os.LookupEnv("NOKKEL_DIR_SAVE"); ok {
		runtime.LockOSThread() // strace counts per thread
		d := filestore.Dir(dir)
		_, version := must.Load(t, d)
		fmt.Println("start")
		must.Save(t, d, "new", version)
		fmt.Println("saved")
		return
	}
	strace := findStrace(t)
	var mu sync.Mutex
	outcomes := map[string]int{}
	t.Run("before", func(t *testing.T) {
		for _, call := range []string{"openat", "getdents64", "read", "write", "fsync", "close", "linkat", "unlinkat"} {
			t.Run(call, func(t *testing.T) {
				t.Parallel()
				points := 0
				for when, done := 1, false; !done; when++ {
					d, _ := saves(t, "1", "2", "3", "4", "5", "6", "7", "8", "9", "old")
					out, err := inject(t, strace, call, fmt.Sprintf("signal=KILL:when=%d", when), d)
					done = err == nil // it makes fewer of these calls
					require.Less(t, when, 500, "Save does not end")
					if !done && !strings.Contains(string(out), "start") {
						continue // killed before it called Save
					}
					blob, version := must.Load(t, d)
					require.Contains(t, []string{"old", "new"}, blob)
					if strings.Contains(string(out), "saved") {
						require.Equal(t, "new", blob, "an acknowledged save is lost")
					}
					must.Save(t, d, "next", version)
					left := names(t, d)
					assert.Len(t, left, 8)
					assert.NotContains(t, strings.Join(left, " "), "tmp")
					if !done {
						points++
						mu.Lock()
						outcomes[blob]++
						mu.Unlock()
					}
				}
				assert.NotZero(t, points, "Save does not call it")
			})
		}
	})
	t.Logf("Save was killed before each of its system calls; found %v", outcomes)
	assert.NotZero(t, outcomes["old"])
	assert.NotZero(t, outcomes["new"])
}

// TestFailingSyscalls makes system calls of Save fail.
func TestFailingSyscalls(t *testing.T) {
	if dir, ok := os.LookupEnv("NOKKEL_DIR_SAVE"); ok {
		runtime.LockOSThread()
		d := filestore.Dir(dir)
		_, version := must.Load(t, d)
		_, err := d.Save(t.Context(), []byte("new"), version)
		fmt.Printf("config=%t conflict=%t %v\n", errors.Is(err, selfservice.ErrConfig), errors.Is(err, selfservice.ErrConflict), err)
		return
	}
	strace := findStrace(t)
	for _, c := range []struct{ rule, call, fault, says, holds string }{
		{"no hard links", "linkat", "error=EPERM", "config=true conflict=false", "old"},
		{"no hard links, another error", "linkat", "error=EOPNOTSUPP", "config=true conflict=false", "old"},
		{"no room for another name", "linkat", "error=ENOSPC", "config=false conflict=false", "old"},
		{"the file cannot be synced", "fsync", "error=EIO:when=2", "config=false conflict=false", "old"},
		{"the directory cannot be synced", "fsync", "error=EIO:when=3", "config=false conflict=false", "new"},
		{"the disk has turned read-only", "fsync", "error=EROFS", "config=false conflict=false", "old"},
		{"directories cannot be synced", "fsync", "error=EINVAL:when=3", "config=false conflict=false <nil>", "new"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			d, _ := saves(t, "old")
			out, err := inject(t, strace, c.call, c.fault, d)
			require.NoError(t, err, "%s", out)
			assert.Contains(t, string(out), c.says)
			blob, version := must.Load(t, d)
			assert.Equal(t, c.holds, blob)
			assert.NotContains(t, strings.Join(names(t, d), " "), "tmp")
			must.Save(t, d, "next", version)
		})
	}
}

// inject runs the current test as a process that saves in d, with a fault in one of
// its system calls.
func inject(t *testing.T, strace, call, fault string, d filestore.Dir) ([]byte, error) {
	test, _, _ := strings.Cut(t.Name(), "/")
	cmd := exec.Command(strace, "-f", "-qqq", "-o", "/dev/null", "-e", "trace="+call, "-e", "inject="+call+":"+fault,
		os.Args[0], "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), "NOKKEL_DIR_SAVE="+string(d), "GOMAXPROCS=1", "GOGC=off")
	return cmd.Output()
}

// findStrace skips the test if strace is absent or may not trace, and fails it in
// CI.
func findStrace(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts many processes")
	}
	err := exec.Command("strace", "-o", "/dev/null", "true").Run()
	if err != nil && os.Getenv("NOKKEL_LIVE") == "1" {
		t.Fatalf("strace does not run: %v", err)
	}
	if err != nil {
		t.Skipf("strace does not run: %v", err)
	}
	return "strace"
}

// TestDiskFull fills a small file system.
func TestDiskFull(t *testing.T) {
	root := mount(t, "size=64k")
	d := filestore.Dir(filepath.Join(root, "key"))
	version := must.Save(t, d, "kept", "")
	filler := filepath.Join(root, "filler")
	_ = os.WriteFile(filler, make([]byte, 1<<20), 0o600) // fails when it is full
	for _, size := range []int{1, 5000, 1 << 20} {
		_, err := d.Save(t.Context(), make([]byte, size), version)
		require.ErrorIs(t, err, syscall.ENOSPC)
		var pathError *os.PathError
		require.ErrorAs(t, err, &pathError)
		blob, now := must.Load(t, d)
		assert.Equal(t, "kept", blob)
		assert.Equal(t, version, now)
		assert.Equal(t, []string{"state-1"}, names(t, d))
	}
	require.NoError(t, os.Remove(filler))
	must.Save(t, d, "after", version)
}

// TestFileTooLarge makes a write end in the middle, which does not take root.
func TestFileTooLarge(t *testing.T) {
	if dir, ok := os.LookupEnv("NOKKEL_DIR_LIMIT"); ok {
		signal.Ignore(syscall.SIGXFSZ)
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4096, Max: 4096}))
		_, version := must.Load(t, filestore.Dir(dir))
		_, err := filestore.Dir(dir).Save(t.Context(), make([]byte, 64<<10), version)
		require.ErrorIs(t, err, syscall.EFBIG)
		return
	}
	d, version := saves(t, "kept")
	cmd := exec.Command(os.Args[0], "-test.run=^TestFileTooLarge$")
	cmd.Env = append(os.Environ(), "NOKKEL_DIR_LIMIT="+string(d))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, []string{"state-1"}, names(t, d))
	blob, now := must.Load(t, d)
	assert.Equal(t, "kept", blob)
	assert.Equal(t, version, now)
}

func TestReadOnly(t *testing.T) {
	root := mount(t, "")
	d := filestore.Dir(filepath.Join(root, "key"))
	version := must.Save(t, d, "kept", "")
	require.NoError(t, syscall.Mount("", root, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	blob, now := must.Load(t, d)
	assert.Equal(t, "kept", blob)
	assert.Equal(t, version, now)
	_, err := d.Save(t.Context(), []byte("lost"), version)
	require.ErrorIs(t, err, syscall.EROFS)
	_, err = filestore.Dir(filepath.Join(root, "other")).Save(t.Context(), []byte("lost"), "")
	require.ErrorIs(t, err, syscall.EROFS)
	require.NoError(t, syscall.Mount("", root, "", syscall.MS_REMOUNT, ""))
	must.Save(t, d, "after", version)
}

// mount mounts an empty tmpfs, which takes root.
func mount(t *testing.T, options string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a file system")
	}
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, options); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(root, syscall.MNT_DETACH)) })
	return root
}
