package selfservice

import (
	"context"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// KeyRefused reports that the server did not accept a key that this Rotator
// served, and returns the key to try instead, or the same one if there is no
// other. At a server that replaces a key at once this keeps replicas going: they
// learn of the new one from the refusal, before they next read the store.
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
// made the server refuse. While the store is down or slow, what it held when it
// was last read has to do.
func (r *Rotator) instead(ctx context.Context, refused Credential) (Credential, error) {
	r.start()
	s, known := r.current.Load(), false
	if s != nil && r.rereads.recent() { // as good as the store, if it has one that is newer
		known = r.active(s).Fingerprint() != refused.Fingerprint() || s.Pending != nil && !s.Pending.Credential.IsZero()
	}
	if s != nil && !known {
		r.reread(ctx)
	}
	s, err := r.serving(ctx)
	if err != nil {
		return Credential{}, err
	}
	if refused.Fingerprint() == s.Active.Credential.Fingerprint() {
		r.report(refused)
	}
	if c := r.active(s); c.Fingerprint() != refused.Fingerprint() {
		return c, nil
	}
	for _, e := range s.entries() {
		if !e.Credential.IsZero() && !e.Removed && e.Credential.Fingerprint() != refused.Fingerprint() {
			return e.Credential, nil
		}
	}
	return Credential{}, nil
}

// Refusals make Run ask the server which credential works, and there may be
// thousands a second. One of a credential that no report was about before
// counts at once; the same credential's next one after a pause, which is twice
// as long each time, or the first one again after a quiet time.
const (
	firstReportPause = time.Second
	maxReportPause   = 30 * time.Second
)

func (r *Rotator) report(c Credential) {
	last, next := r.refused.Load(), &refusal{c.Fingerprint(), time.Now(), firstReportPause}
	if last != nil && last.fingerprint == next.fingerprint {
		switch ago := next.at.Sub(last.at); {
		case ago < last.pause:
			return
		case ago < 2*maxReportPause:
			next.pause = min(2*last.pause, maxReportPause)
		}
	}
	if r.refused.CompareAndSwap(last, next) {
		r.poke()
	}
}

// reported reports whether somebody found c refused since this was asked last.
func (r *Rotator) reported(c Credential) bool {
	last := r.refused.Load()
	if last == nil || last == r.heeded {
		return false
	}
	r.heeded = last
	return last.fingerprint == c.Fingerprint()
}
