package main

// stateCommands are those that need no server.
func stateCommands() []command {
	return []command{
		{"state show", "print where a rotation stands", aboutStateShow, &stateShow{}},
		{"state export", "write the active credential of a rotation to a file", aboutStateExport, &stateExport{}},
	}
}
