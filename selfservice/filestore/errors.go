package filestore

import (
	"errors"
	"io/fs"
	"runtime"

	"github.com/nokkel/nokkel/selfservice"
)

// The rules of [Dir] for its directory and the files in it. What breaks one is
// a [*Error].
var (
	ErrOwner = errors.New("belongs to another user than the one this process runs as")
	ErrMode  = errors.New("is open to group or others: the directory must have mode 0700, a file 0600")
	ErrLink  = errors.New("is a link that another user made: only root's and this user's own are followed")
	ErrType  = errors.New("is not a regular file")
	ErrSize  = errors.New("has more than 4 MiB")

	// ErrNumber: a stray file, since no Dir is saved so often.
	ErrNumber = errors.New("has the highest number that a file can have: remove it")
)

// Error is the refusal of a directory or a file by [Dir]. It is [selfservice.ErrConfig]
// and the rule that was broken.
type Error struct {
	Path string // of the directory or the file
	Rule error
}

// Error returns path and rule.
func (e *Error) Error() string {
	return selfservice.ErrConfig.Error() + ": " + e.Path + " " + e.Rule.Error()
}

// Unwrap returns selfservice.ErrConfig and the rule.
func (e *Error) Unwrap() []error { return []error{selfservice.ErrConfig, e.Rule} }

// checkFile refuses what others could have written or read. Windows has access
// lists, and Go makes up the mode there.
func checkFile(path string, info fs.FileInfo) error {
	switch {
	case !ownFile(info):
		return &Error{Path: path, Rule: ErrOwner}
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return &Error{Path: path, Rule: ErrMode}
	}
	return nil
}

// checkRegular refuses also what is not a file of bounded size.
func checkRegular(path string, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return &Error{Path: path, Rule: ErrType}
	case info.Size() > maxStateFile:
		return &Error{Path: path, Rule: ErrSize}
	}
	return checkFile(path, info)
}
