//go:build unix

package filestore

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// openNonblock has open return at once, whatever the file is.
const openNonblock = syscall.O_NONBLOCK

// ownFile reports whether a file belongs to the user that this process runs
// as.
func ownFile(info fs.FileInfo) bool { return owner(info) == os.Geteuid() }

func owner(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

// checkLink refuses a directory, open by now, to which the link of another user
// led. Links of root are not unusual: systemd makes one of a StateDirectory.
func checkLink(path string, opened fs.FileInfo) error {
	named, err := os.Lstat(path)
	if err != nil {
		return err
	}
	link := named.Mode().Type() == fs.ModeSymlink
	switch {
	case link && !ownFile(named) && owner(named) != 0:
		return &Error{Path: path, Rule: ErrLink}
	case !link && !os.SameFile(named, opened):
		return &fs.PathError{Op: "open", Path: path, Err: errors.New("it is being replaced")}
	}
	return nil
}
