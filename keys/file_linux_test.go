package keys_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// strace makes the first fsync of a process fail, which is that of the content,
// and then the second, which is that of the directory.
func TestWriteFileIsSynced(t *testing.T) {
	if name, ok := os.LookupEnv("NOKKEL_WRITE_FILE"); ok {
		runtime.LockOSThread() // strace counts by thread
		_, statErr := os.Stat(name)
		err := keys.WriteFile(name, []byte("new"), statErr == nil)
		fmt.Printf("EIO=%t nil=%t\n", errors.Is(err, syscall.EIO), err == nil)
		return
	}
	err := exec.Command("strace", "-o", "/dev/null", "true").Run()
	if err != nil && os.Getenv("NOKKEL_LIVE") == "1" {
		t.Fatalf("strace does not run: %v", err)
	}
	if err != nil {
		t.Skipf("strace does not run: %v", err)
	}
	for _, c := range []struct{ rule, fault, says, fresh, replaced string }{
		{"the content", "error=EIO:when=1", "EIO=true", "", "old"},
		{"the directory", "error=EIO:when=2", "EIO=true", "new", "new"},
		{"a directory that cannot be synced", "error=EINVAL:when=2", "nil=true", "new", "new"},
		{"no third time", "error=EIO:when=3", "nil=true", "new", "new"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			dir := t.TempDir()
			old, fresh := filepath.Join(dir, "old"), filepath.Join(dir, "fresh")
			require.NoError(t, os.WriteFile(old, []byte("old"), 0o600))
			for name, want := range map[string]string{old: c.replaced, fresh: c.fresh} {
				cmd := exec.Command("strace", "-f", "-qqq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:"+c.fault,
					os.Args[0], "-test.run=^TestWriteFileIsSynced$")
				cmd.Env = append(os.Environ(), "NOKKEL_WRITE_FILE="+name, "GOMAXPROCS=1")
				out, err := cmd.Output()
				require.NoError(t, err, "%s", out)
				assert.Contains(t, string(out), c.says)
				content, _ := os.ReadFile(name)
				assert.Equal(t, want, string(content))
			}
			left, err := filepath.Glob(filepath.Join(dir, ".nokkel-*"))
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}
