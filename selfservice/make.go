package selfservice

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// begin saves a new credential before anything of it leaves the process. For
// one that only the server can make it saves before, so that the new one can
// be told from it: nil is what the server has now.
func (r *Rotator) begin(ctx context.Context, s *state, now time.Time, before []Registration) error {
	pending := &entry{Made: now, Lag: s.Active.Lag}
	if _, issues := r.Provider.(Issuer); issues {
		if before == nil {
			var err error
			if before, err = r.list(ctx, s.Active.Credential); err != nil {
				return err
			}
		}
		pending.Before = before
	} else {
		c, err := r.make(ctx, s)
		if err != nil {
			return err
		}
		pending.Credential = c
		r.fresh = c.Fingerprint()
	}
	s.Pending = pending
	r.hold(s, time.Now().Round(0))
	if err := r.save(ctx, s); err != nil {
		return err
	}
	r.tell(Event{Kind: Started, Credential: s.Pending.Credential.Fingerprint()})
	return nil
}

// make returns a credential that is not one of those in s.
func (r *Rotator) make(ctx context.Context, s *state) (Credential, error) {
	newOne, whose := r.New, "New"
	if newOne == nil {
		newOne = makeLike
		if m, ok := r.Provider.(Maker); ok {
			newOne, whose = m.Make, "Maker.Make"
		}
	}
	var c Credential
	err := r.call(ctx, whose, func(ctx context.Context) (err error) {
		c, err = newOne(ctx, s.Active.Credential)
		return err
	})
	if err != nil {
		return Credential{}, fmt.Errorf("selfservice: making a credential: %w", err)
	}
	return c, s.isNew(c)
}

// isNew refuses what would make a rotation in name only.
func (s *state) isNew(c Credential) error {
	if err := c.check(); err != nil {
		return err
	}
	if s.holds(c) {
		return fmt.Errorf("%w: the new credential is an old one", ErrConfig)
	}
	for _, e := range s.entries() {
		if e.Credential.KeyID() != "" && e.Credential.KeyID() == c.KeyID() {
			return fmt.Errorf("%w: the new key has the kid of an old one", ErrConfig)
		}
	}
	return nil
}

// makeLike makes a credential of the same kind, algorithm and size.
func makeLike(_ context.Context, like Credential) (Credential, error) {
	if like.Key == nil {
		var b [32]byte
		rand.Read(b[:])
		return Credential{Secret: keys.NewSecret(base64.RawURLEncoding.EncodeToString(b[:]))}, nil
	}
	var key *keys.Key
	var err error
	if pub, ok := like.Key.PublicKey().Public().(*rsa.PublicKey); ok {
		key, err = keys.GenerateRSA(like.Key.Algorithm(), pub.N.BitLen())
	} else {
		key, err = keys.Generate(like.Key.Algorithm())
	}
	return Credential{Key: key}, err
}
