package selfservice

// syncDir does nothing: Windows cannot sync a directory, and NTFS keeps names
// in its journal.
func syncDir(string) error { return nil }
