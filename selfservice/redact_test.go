package selfservice_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/require"
)

// TestNoTypeShowsASecret in the middle of a rotation, with an old and a new
// credential in the store and in the Rotator's memory.
func TestNoTypeShowsASecret(t *testing.T) {
	for name, first := range map[string]selfservice.Credential{
		"key":    {Key: keystest.Key(t, keys.ES256)},
		"secret": {Secret: keys.NewSecret("the first secret of this client")},
	} {
		t.Run(name, func(t *testing.T) {
			var made selfservice.Credential
			var events []any
			server, mem := &model.Server{}, &selfservice.Mem{}
			server.Adopt(first)
			rotator := &selfservice.Rotator{
				Provider: server.Full(nil), Store: mem, Timing: selfservice.Timing{Propagation: -1},
				New: func(_ context.Context, like selfservice.Credential) (selfservice.Credential, error) {
					made = secretCredential("the secret that comes after the first one")
					if like.Key != nil {
						made = selfservice.Credential{Key: keystest.Key(t, keys.ES256)}
					}
					return made, nil
				},
				OnEvent: func(e selfservice.Event) { events = append(events, e) },
			}
			require.NoError(t, rotator.Adopt(t.Context(), first))
			require.NoError(t, rotator.Rotate(t.Context()))
			status, err := rotator.Status(t.Context())
			require.NoError(t, err)
			require.Len(t, status.Retiring, 1)
			blob, _, err := mem.Load(t.Context())
			require.NoError(t, err)
			sealed := selfservice.Seal(mem, "app", aesGCM(t, 1))
			_, _, corrupt := sealed.Load(t.Context())
			require.ErrorIs(t, corrupt, selfservice.ErrCorrupt)
			_, err = (&selfservice.Rotator{Store: sealed}).SigningKey(t.Context())
			failed := &selfservice.CallError{Rule: selfservice.ErrInvalidClient, Err: err}
			fleet := &selfservice.Fleet{Rotators: slices.Values([]*selfservice.Rotator{rotator})}
			report, err := fleet.RotateDue(t.Context())
			require.NoError(t, err)

			secrets := [][]byte{blob, bytes.Repeat([]byte{1}, 32)} // the state, and the key that seals it
			for _, c := range []selfservice.Credential{first, made} {
				if c.Key != nil {
					secrets = append(secrets, keystest.Secrets(t, c.Key)...)
				} else {
					secrets = append(secrets, []byte(c.Secret.Reveal()))
				}
			}
			keystest.PackageRedacted(t, map[string][]any{
				"CallError":        {failed, corrupt},
				"Credential":       {first, &made},
				"CredentialStatus": {status.Active},
				"Event":            events,
				"Fleet":            {fleet},
				"EventKind":        {selfservice.EventStarted},
				"Mem":              {mem, sealed},
				"Registration":     {selfservice.Registration{Fingerprint: first.Fingerprint(), Created: time.Now()}},
				"Report":           {report},
				"Rotator":          {rotator},
				"Status":           {status},
				"Timing":           {selfservice.Timing{}},
			}, secrets...)
		})
	}
}
