package selfservice

import (
	"errors"
	"io/fs"
	"runtime"
)

// The rules of [Dir] for its directory and the files in it. What breaks one is
// a [*DirError].
var (
	ErrFileOwner = errors.New("belongs to another user than the one this process runs as")
	ErrFileMode  = errors.New("is open to group or others: the directory must have mode 0700, a file 0600")
	ErrFileType  = errors.New("is not a regular file")
	ErrFileSize  = errors.New("has more than 4 MiB")
)

// DirError is the refusal of a directory or a file by [Dir]. It is [ErrConfig]
// and the rule that was broken.
type DirError struct {
	Path string // of the directory or the file
	Rule error
}

// Error returns path and rule.
func (e *DirError) Error() string { return ErrConfig.Error() + ": " + e.Path + " " + e.Rule.Error() }

// Unwrap returns ErrConfig and the rule.
func (e *DirError) Unwrap() []error { return []error{ErrConfig, e.Rule} }

// checkFile refuses what others could have written or read. Windows has access
// lists, and Go makes up the mode there.
func checkFile(path string, info fs.FileInfo) error {
	switch {
	case !ownFile(info):
		return &DirError{Path: path, Rule: ErrFileOwner}
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return &DirError{Path: path, Rule: ErrFileMode}
	}
	return nil
}

// checkRegular refuses also what is not a file of bounded size.
func checkRegular(path string, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return &DirError{Path: path, Rule: ErrFileType}
	case info.Size() > maxStateFile:
		return &DirError{Path: path, Rule: ErrFileSize}
	}
	return checkFile(path, info)
}
