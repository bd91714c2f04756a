package selfservice

import (
	"context"

	"github.com/nokkel/nokkel/keys"
)

// KeyRefused tells the rotator that the server did not accept a key that it
// served, and returns the key to try instead; the same one when there is no
// other. It is what keeps replicas going at a server that replaces a key at
// once: they learn of the new one from the refusal, not from their next
// reading of the store.
func (r *Rotator) KeyRefused(ctx context.Context, key *keys.Key) (*keys.Key, error) {
	other, err := r.instead(ctx, Credential{Key: key})
	if other.Key == nil {
		other.Key = key
	}
	return other.Key, err
}

// SecretRefused is KeyRefused for a client secret.
func (r *Rotator) SecretRefused(ctx context.Context, secret keys.Secret) (keys.Secret, error) {
	other, err := r.instead(ctx, Credential{Secret: secret})
	if other.Secret.IsZero() {
		other.Secret = secret
	}
	return other.Secret, err
}

// instead returns another credential than the one that was refused: the
// active one if that has changed meanwhile, else the pending one, else an old
// one. It does not wait for a step that is under way: that one may be what
// made the server refuse. While the store is down, what it held when it was
// last read has to do.
func (r *Rotator) instead(ctx context.Context, refused Credential) (Credential, error) {
	r.start()
	s, err := r.read(ctx)
	if err != nil {
		if s = r.current.Load(); s == nil {
			return Credential{}, err
		}
	}
	if s.Active == nil {
		return Credential{}, ErrNotAdopted
	}
	if refused.Fingerprint() == s.Active.Credential.Fingerprint() {
		r.refused.Store(&refused)
		r.poke()
	}
	for _, e := range s.entries() {
		if !e.Credential.IsZero() && e.Credential.Fingerprint() != refused.Fingerprint() {
			return e.Credential, nil
		}
	}
	return Credential{}, nil
}
