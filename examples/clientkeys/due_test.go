package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRotateIfDueDoesNothingEarly(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for range 2 {
		r := invoke(t, "", f.rotateArgs("helseid rotate", "--IfDue", "-ep", f.path("old_private.json"))...)
		require.Equal(t, 0, r.code, r.stderr)
		assert.Empty(t, r.stdout)
		assert.Contains(t, r.stderr, "No key was replaced; the active one is due 2")
	}
	assert.Zero(t, f.Counts().Registrations)
	assert.Equal(t, f.key.KeyID(), f.active(t).KeyID())

	quiet := f.Counts().Requests
	require.Equal(t, 0, invoke(t, "", f.rotateArgs("helseid rotate", "--IfDue")...).code)
	assert.Equal(t, quiet, f.Counts().Requests, "the expiry is already known")
}

func TestRotateIfDueRotatesAndRetires(t *testing.T) {
	t.Parallel()
	f := setup(t, func(s *helseidtest.Server) { s.Replace, s.Propagation = helseidtest.AtOnce, 500*time.Millisecond })
	due := func(age string) result {
		t.Helper()
		r := invoke(t, "", f.rotateArgs("helseid rotate", "--IfDue", "--MaxAge", age, "--Overlap", "1s", "-ep", f.path("old_private.json"))...)
		require.Equal(t, 0, r.code, r.stderr)
		return r
	}
	due("1h")
	time.Sleep(2 * time.Second)
	r := due("2s")
	kid := f.active(t).KeyID()
	assert.Contains(t, r.stdout, "OldKid: "+f.key.KeyID()+"\nNewKid: "+kid+"\n")
	assert.Equal(t, 1, f.Counts().Registrations, "the command waits for the propagation")
	require.Len(t, f.status().Retiring, 1)

	require.Eventually(t, func() bool {
		r = due("1h")
		return len(f.status().Retiring) == 0
	}, 30*time.Second, 100*time.Millisecond)
	assert.Empty(t, r.stdout)
	assert.Contains(t, r.stderr, "retired: "+f.key.Thumbprint()+"\nIt was not removed: the server may accept it still.")
	assert.Equal(t, kid, f.active(t).KeyID())
}

func TestRotateIfDueReportsAFailedStep(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Equal(t, 0, invoke(t, "", f.rotateArgs("helseid rotate", "--IfDue", "-ep", f.path("old_private.json"))...).code)
	f.Inject(helseidtest.Every(1, helseidtest.Problem(http.StatusServiceUnavailable, "Down", "")))
	time.Sleep(50 * time.Millisecond)
	r := invoke(t, "", f.rotateArgs("helseid rotate", "--IfDue", "--MaxAge", "40ms", "--Overlap", "20ms")...)
	assertFails(t, r, "no key is lost")
	f.Inject(nil)
	r = invoke(t, "", f.rotateArgs("helseid rotate", "--IfDue")...)
	assert.Equal(t, 0, r.code, r.stderr)
}
