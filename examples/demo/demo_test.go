package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDemo runs the program as a person would, each way once.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	program := filepath.Join(t.TempDir(), "demo")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for name, args := range map[string][]string{
		"in one process":   {"-for", "2s", "-rotations", "2"},
		"killed rotators":  {"-for", "4s", "-rotations", "2", "-kill"},
		"replaced at once": {"-for", "2s", "-rotations", "2", "-at-once"},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			cmd := exec.Command(program, append(args, "-json", "-clients", "5")...)
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			require.NoError(t, err, "%s", stderr.String())
			var r result
			require.NoError(t, json.Unmarshal(out, &r))
			assert.Zero(t, r.Failures, "%s", stderr.String())
			assert.Greater(t, r.Requests, int64(50))
			assert.Positive(t, r.Rotations)
			assert.Contains(t, stderr.String(), "registered by hand")
		})
	}
}
