//go:build !unix

package filestore

import "io/fs"

const openNonblock = 0

// ownFile leaves the question to access lists.
func ownFile(fs.FileInfo) bool { return true }

// checkLink does so too.
func checkLink(string, fs.FileInfo) error { return nil }
