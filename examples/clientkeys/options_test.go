package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A command reads its options by name. A misspelled name would read as an option
// that was not given.
func TestOptionsAreReadByDeclaredNames(t *testing.T) {
	t.Parallel()
	known := make(map[string]bool)
	for _, cmd := range commands() {
		names := make(map[string]bool)
		for _, opt := range cmd.options {
			known[opt.long] = true
			known[strings.TrimSuffix(opt.long, "Path")] = true // private("X") reads XPath as well
			for _, name := range []string{opt.long, opt.short} {
				assert.False(t, names[name] && name != "", "%s has two options %s", cmd.name, name)
				names[name] = true
			}
		}
		for _, name := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(cmd.ask, -1) {
			assert.True(t, names[name[1]], "the question of %s", cmd.name)
		}
	}
	var source strings.Builder
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
			source.Write(read(t, e.Name()))
		}
	}
	reads := regexp.MustCompile(`(?:in\.(?:text|on|number|period|has|given|file|fileName|secret|private|public|password|reserve|save)\(|choice\(in, )"(\w+)"`)
	found := reads.FindAllStringSubmatch(source.String(), -1)
	assert.Greater(t, len(found), 60)
	for _, m := range found {
		assert.True(t, known[m[1]], "%s", m[0])
	}
}
