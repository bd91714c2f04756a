package selfservice_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/selfservice"
)

func TestEventJSONHasTheError(t *testing.T) {
	at := time.Date(2026, 11, 27, 3, 4, 5, 0, time.UTC)
	for want, event := range map[string]selfservice.Event{
		`{"kind":"failed","client":"billing","time":"2026-11-27T03:04:05Z","error":"a b"}`:   {Kind: selfservice.EventFailed, Client: "billing", Time: at, Err: errors.New("a b")},
		`{"kind":"switched","time":"2026-11-27T03:04:05Z","credential":"x"}`:                 {Kind: selfservice.EventSwitched, Time: at, Credential: "x"},
		`{"kind":"retired","time":"2026-11-27T03:04:05Z","credential":"x","unremoved":true}`: {Kind: selfservice.EventRetired, Time: at, Credential: "x", Unremoved: true},
	} {
		got, err := json.Marshal(event)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	got, err := json.Marshal(selfservice.Event{Kind: selfservice.EventFailed, Err: panickingError{}})
	require.NoError(t, err)
	assert.Contains(t, string(got), "panicked")
}
