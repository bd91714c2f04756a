package selfservice

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// SigningKey returns the current key. Once the store has been read it does no I/O
// and fails only if the credential is a secret. What other processes put into the
// store is noticed by Run, which needs no Provider for that.
func (r *Rotator) SigningKey(ctx context.Context) (*keys.Key, error) {
	s, err := r.serving(ctx)
	if err != nil {
		return nil, err
	}
	return r.active(s).SigningKey(ctx)
}

// ClientSecret returns the current client secret, as SigningKey does the key.
func (r *Rotator) ClientSecret(ctx context.Context) (keys.Secret, error) {
	s, err := r.serving(ctx)
	if err != nil {
		return keys.Secret{}, err
	}
	return r.active(s).ClientSecret(ctx)
}

// Published returns the public keys that servers must know: the active one, the
// pending one, and old ones that have been neither turned off nor removed. Serve
// it with a keys.Handler where the server fetches a JWKS.
func (r *Rotator) Published(ctx context.Context) (keys.Set, error) {
	s, err := r.serving(ctx)
	if err != nil {
		return keys.Set{}, err
	}
	var set keys.Set
	for _, e := range s.entries() {
		if e.Credential.Key != nil && !e.Off && !e.Removed {
			set.Keys = append(set.Keys, e.Credential.Key.PublicKey())
		}
	}
	return set, nil
}

// serving returns what is served now; a caller that comes before Run did has
// the store read.
func (r *Rotator) serving(ctx context.Context) (*state, error) {
	if s := r.current.Load(); s != nil {
		return s, nil
	}
	return r.read(ctx)
}

// read reads the store and serves what it holds from now on, unless something
// newer is served already. It does not wait for a step that is under way. Who
// wants to change the state clones it. An empty store is [ErrNotAdopted].
func (r *Rotator) read(ctx context.Context) (*state, error) {
	before := r.current.Load()
	s, err := r.fetch(ctx)
	if err != nil || s == before {
		return s, err
	}
	var damage string
	if before != nil && before.version != s.version {
		switch until := time.Now().Round(0).Add(r.Timing.overlap()); {
		case before.goneBack(s):
			s, damage = before.restore(s, until), "it is older than what this process has read or written, which is written back"
		case before.forked(s):
			s, damage = before.rejoin(s, until), "it was written without what this process has read or written, which is added"
		}
	}
	if s.Active == nil {
		return s, ErrNotAdopted
	}
	if r.current.CompareAndSwap(before, s) {
		r.inspect()
		if damage != "" {
			r.tell(Event{Kind: EventDamaged, Err: fmt.Errorf("%w: %s", ErrCorrupt, damage)})
		}
	}
	return s, nil
}

// fetch reads the store. What has not changed is not parsed again: checking a
// private key costs more than a signature.
func (r *Rotator) fetch(ctx context.Context) (*state, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var blob []byte
	var version string
	err := r.call(ctx, "Store.Load", func(ctx context.Context) (err error) {
		blob, version, err = r.Store.Load(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("selfservice: reading the store: %w", err)
	}
	if s := r.current.Load(); s != nil && s.version == version {
		return s, nil
	}
	return decode(blob, version)
}

// damaged is a Store that can go on with an older version when the newest one
// cannot be read, such as filestore.Dir. It names what it left behind.
type damaged interface{ Damaged() ([]string, error) }

// inspect tells when the store has gone back to an older version: once for
// each time, since what is damaged stays there.
func (r *Rotator) inspect() {
	store, ok := r.Store.(damaged)
	if !ok {
		return
	}
	defer func() { _ = recover() }() // of the caller's making, too
	files, err := store.Damaged()
	if n := int64(len(files)); err == nil && n > r.damaged.Swap(n) {
		r.tell(Event{Kind: EventDamaged, Err: fmt.Errorf("%w: %s", ErrCorrupt, strings.Join(files, ", "))})
	}
}

// save writes the state and only then serves it.
func (r *Rotator) save(ctx context.Context, s *state) error {
	next := s.clone()
	next.Serial++
	next.Saves, next.restored = joined(s.Saves, rand.Text()[:saveName]), false
	blob, err := next.encode()
	if err != nil {
		return err
	}
	var version string
	err = r.call(ctx, "Store.Save", func(ctx context.Context) (err error) {
		version, err = r.Store.Save(ctx, blob, s.version)
		return err
	})
	if err != nil {
		return fmt.Errorf("selfservice: writing the store: %w", err)
	}
	next.version = version
	s.Serial, s.Saves, s.version, s.restored = next.Serial, next.Saves, version, false
	r.current.Store(next)
	return nil
}

// active is the credential to use now.
func (r *Rotator) active(s *state) Credential {
	if c := r.stands.Load(); c != nil && c.version == s.version {
		return c.credential
	}
	return s.Active.Credential
}
