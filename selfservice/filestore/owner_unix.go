//go:build unix

package filestore

import (
	"io/fs"
	"os"
	"syscall"
)

// openNonblock has open return at once, whatever the file is.
const openNonblock = syscall.O_NONBLOCK

// ownFile reports whether a file belongs to the user that this process runs
// as.
func ownFile(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
