package dpop

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// Nonces makes a server's nonces (RFC 9449 §8, §9) from the time and a
// secret, so that nothing is stored: every instance that has the secret
// accepts them, also after a restart. A nonce is valid for one to two steps.
//
// The zero value is for a single process. It makes a secret of its own, which is
// lost with the process; each client then needs one more request. Several
// processes behind one URL need Secrets, or each refuses the nonces of the
// others, and a client that reaches them in turn is refused for ever.
type Nonces struct {
	// Secrets are the ring that all instances share, each of at least 32 random
	// bytes. The first makes nonces; nonces of all are accepted. To rotate, give
	// all instances the new secret as the last, then as the first.
	Secrets []keys.Secret

	// Step is how often the nonce changes; zero: 5 minutes. It is the same for
	// all instances.
	Step time.Duration

	start sync.Once
	ring  atomic.Pointer[[]keys.Secret] // Secrets, or what came in their place
	given atomic.Bool                   // by Change
	cache atomic.Pointer[nonceStep]     // the nonces of the last step that was asked for
}

// nonceStep are the nonces that are accepted in a step, the current one first.
type nonceStep struct {
	step  int64
	ring  *[]keys.Secret
	valid []string
}

const (
	minNonceSecret = 32
	defaultStep    = 5 * time.Minute
)

// Nonce returns the current nonce.
func (n *Nonces) Nonce() string { return n.at(time.Now()).valid[0] }

// Change replaces the ring while requests are served. It fails with
// [ErrConfig] and changes nothing if a secret is too short or there is none.
func (n *Nonces) Change(secrets ...keys.Secret) error {
	if len(secrets) == 0 {
		return refuse(ErrConfig, "no secret")
	}
	if err := checkSecrets(secrets); err != nil {
		return err
	}
	n.secrets() // which Secrets does not replace any more
	ring := slices.Clone(secrets)
	n.ring.Store(&ring)
	n.given.Store(true)
	return nil
}

// local reports whether the secret is this process's own.
func (n *Nonces) local() bool { return len(n.Secrets) == 0 && !n.given.Load() }

func (n *Nonces) validate() error {
	if n.Step < 0 || n.Step%time.Second != 0 {
		return refuse(ErrConfig, "Step is not in whole seconds")
	}
	return checkSecrets(n.Secrets)
}

func checkSecrets(secrets []keys.Secret) error {
	for _, s := range secrets {
		if len(s.Reveal()) < minNonceSecret {
			return refuse(ErrConfig, "a secret of Nonces has under 32 bytes")
		}
	}
	return nil
}

func (n *Nonces) check(nonce string, now time.Time) error {
	if nonce == "" {
		return refuseProof(ErrProofNonce, "there is none")
	}
	found := false
	for _, valid := range n.at(now).valid {
		found = same(nonce, valid) || found
	}
	if !found {
		return refuseProof(ErrProofNonce, "")
	}
	return nil
}

// at returns the nonces of a time. Those of the next step are accepted as well,
// from an instance whose clock is ahead.
func (n *Nonces) at(now time.Time) *nonceStep {
	length := n.Step
	if length < time.Second { // see validate
		length = defaultStep
	}
	step, ring := now.Unix()/int64(length/time.Second), n.secrets()
	if s := n.cache.Load(); s != nil && s.step == step && s.ring == ring {
		return s
	}
	s := &nonceStep{step: step, ring: ring}
	for _, secret := range *ring {
		for _, at := range [...]int64{step, step - 1, step + 1} {
			s.valid = append(s.valid, makeNonce(secret, at))
		}
	}
	n.cache.Store(s)
	return s
}

func (n *Nonces) secrets() *[]keys.Secret {
	n.start.Do(func() {
		ring := slices.Clone(n.Secrets)
		if len(ring) == 0 {
			ring = append(ring, keys.NewSecret(rand.Text()+rand.Text()))
		}
		n.ring.Store(&ring)
	})
	return n.ring.Load()
}

// Format prints a fixed text for every verb: fmt would read fields that
// change while requests are served.
func (n *Nonces) Format(f fmt.State, _ rune) { io.WriteString(f, "dpop.Nonces") }

// makeNonce returns 128 bits of HMAC-SHA-256 over the step.
func makeNonce(secret keys.Secret, step int64) string {
	h := hmac.New(sha256.New, []byte(secret.Reveal()))
	h.Write(binary.BigEndian.AppendUint64([]byte("nokkel dpop nonce "), uint64(step)))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}
