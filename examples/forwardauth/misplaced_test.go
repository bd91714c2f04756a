package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/internal/programtest"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

func TestMisplacedKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	const key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\n-----END PRIVATE KEY-----"
	complete := []string{"-issuer", "https://as.example.no", "-audience", "a", "-listen", "127.0.0.1:0"}
	for _, args := range [][]string{{"-plain-type=" + key}, {"-" + key}, {"-proxy", key}, {"-proxy=" + key}} {
		said, err := programtest.Self(slices.Concat(complete, args)...).CombinedOutput()
		require.Error(t, err)
		assert.NotContains(t, string(said), "MIGH")
		assert.NotContains(t, string(said), "BEGIN")
	}
}
