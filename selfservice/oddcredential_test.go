package selfservice_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// odd is a Registrar and a Remover whose server has a bug with one credential.
type odd struct {
	*hookedProvider
	bad      func() string // its fingerprint
	register bool          // it is not registered; else it is not verified
	remove   error
}

func (o odd) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	if o.register && c.Fingerprint() == o.bad() {
		return selfservice.Registration{}, errors.New("500")
	}
	return o.hookedProvider.Register(ctx, as, c)
}

func (o odd) Verify(ctx context.Context, c selfservice.Credential) error {
	if !o.register && c.Fingerprint() == o.bad() {
		return errors.New("500")
	}
	return o.hookedProvider.Verify(ctx, c)
}

func (o odd) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	if o.remove != nil {
		return o.remove
	}
	return o.Provider.(selfservice.Remover).Remove(ctx, as, r)
}

// second makes the credentials of r, and returns the fingerprint of the second one.
func second(r *selfservice.Rotator) func() string {
	made := 0
	bad := ""
	r.New = func(context.Context, selfservice.Credential) (selfservice.Credential, error) {
		made++
		c := secretCredential(string(rune('a'+made)) + " credential of thirty characters")
		if made == 2 {
			bad = c.Fingerprint()
		}
		return c, nil
	}
	return func() string { return bad }
}

// TestBadCredentialIsGivenUp has a server that cannot cope with one new credential.
// It is given up before the active one expires, also if an old one cannot be
// removed.
func TestBadCredentialIsGivenUp(t *testing.T) {
	for name, o := range map[string]odd{
		"not registered":                         {register: true},
		"not registered, another is not removed": {register: true, remove: errors.New("403")},
		"not verified":                           {},
		"not verified, another is not removed":   {remove: errors.New("403")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &model.Server{Validity: 30 * day}
				o.hookedProvider = &hookedProvider{Provider: server.OnlyRemoves(nil)}
				r, _ := adopted(t, server, o.hookedProvider)
				o.bad = second(r)
				r.Provider = o
				require.NoError(t, r.Rotate(t.Context()))
				runFor(t, r, 40*day)
				require.NotEmpty(t, o.bad(), "it was made")
				assert.True(t, server.Accepts(active(t, r)))
				assert.GreaterOrEqual(t, status(t, r).Rotations, 2)
			})
		})
	}
}

// TestOddAnswerDoesNotHideWhatWorks refuses the active credential, answers 500 to
// the pending one, and accepts the old one.
func TestOddAnswerDoesNotHideWhatWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		o := odd{hookedProvider: &hookedProvider{Provider: server.OnlyRemoves(nil)}}
		r, first := adopted(t, server, o.hookedProvider)
		o.bad = second(r)
		r.Provider = o
		require.NoError(t, r.Rotate(t.Context()))
		active := clientSecret(t, r)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		require.Error(t, r.Rotate(ctx))
		require.Equal(t, o.bad(), pending(t, r))
		server.Expire(fingerprint(active), time.Now())
		go r.Run(t.Context())
		refuse(t, r, active)
		time.Sleep(time.Minute)
		assert.Equal(t, first.Fingerprint(), fingerprint(clientSecret(t, r)))
	})
}
