package atomicfile

import (
	"os"
	"strings"
	"time"
)

// abandoned is the age from which a temporary file is that of a killed process.
const abandoned = time.Hour

// sweep removes the temporary files of killed processes from dir: each may hold
// a private key. What cannot be removed stays.
func sweep(dir *os.Root) {
	f, err := dir.Open(".")
	if err != nil {
		return
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if info, err := dir.Lstat(name); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > abandoned {
			dir.Remove(name)
		}
	}
}
