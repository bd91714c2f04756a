package selfservice_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEnrollRefusesWhatTheServerDoesNotAccept(t *testing.T) {
	server := &model.Server{}
	good := secretCredential("the first secret, made by hand")
	server.Adopt(good)
	r := &selfservice.Rotator{Provider: server.Full(nil), Store: &selfservice.Mem{}, Timing: oneNode}
	stranger := secretCredential("a secret that nobody registered")
	require.ErrorIs(t, r.Enroll(t.Context(), stranger), selfservice.ErrInvalidClient)
	_, err := r.Status(t.Context())
	require.ErrorIs(t, err, selfservice.ErrNotAdopted)
	require.Error(t, r.Enroll(t.Context(), selfservice.Credential{}))

	require.NoError(t, r.Enroll(t.Context(), good))
	require.NoError(t, r.Enroll(t.Context(), stranger), "the store has one already: this one is not tried")
	assert.Equal(t, good.Fingerprint(), active(t, r))
}

// TestRotateResumesAtOnceAfterAnError, in another process too.
func TestRotateResumesAtOnceAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, down := &model.Server{}, errors.New("503")
		r, first := adopted(t, server, server.Registrar(nil))
		failing := restarted(r)
		failing.Provider = server.Registrar(fails(&spy{}, map[string]error{"register": down}))
		require.ErrorIs(t, failing.Rotate(t.Context()), down)
		start := time.Now()
		require.NoError(t, restarted(r).Rotate(t.Context()))
		assert.NotEqual(t, first.Fingerprint(), active(t, r))
		assert.Less(t, time.Since(start), 5*time.Second)
	})
}

func TestStatusString(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 3, 1, hour, 0, 0, 0, time.FixedZone("", 3600)) }
	st := selfservice.Status{
		Active:    selfservice.CredentialStatus{KeyID: "new\x1b[2J\nDue: never", Fingerprint: "f", Made: at(2), Expires: at(20)},
		Pending:   &selfservice.CredentialStatus{},
		Retiring:  []selfservice.CredentialStatus{{Fingerprint: "old", Made: at(1), Until: at(3)}},
		Rotations: 7, Due: at(14),
	}
	assert.Equal(t, `Active: new [2J Due: never made 2026-03-01T01:00:00Z expires 2026-03-01T19:00:00Z
Pending: (not made yet) made never expires never
Retiring: old made 2026-03-01T00:00:00Z expires never
  kept until 2026-03-01T02:00:00Z
Rotations: 7
Due: 2026-03-01T13:00:00Z
Next: never
`, st.String())
}
