package selfservice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nokkel/nokkel/keys"
)

const (
	stateFormat = 1
	maxState    = 1 << 20
)

// entryJSON is entry as it is stored; the only place where private parts leave
// the memory.
type entryJSON struct {
	JWK          json.RawMessage `json:"jwk,omitempty"`
	Secret       string          `json:"secret,omitempty"`
	Registration Registration    `json:"registration,omitzero"`
	Made         time.Time       `json:"made,omitzero"`
	Issuing      bool            `json:"issuing,omitempty"`
	Before       []Registration  `json:"before,omitempty"`
	Registered   time.Time       `json:"registered,omitzero"`
	Lag          time.Duration   `json:"lag,omitempty"` // nanoseconds
	Proved       time.Time       `json:"proved,omitzero"`
	Since        time.Time       `json:"since,omitzero"`
	Until        time.Time       `json:"until,omitzero"`
	Off          bool            `json:"off,omitempty"`
	Removed      bool            `json:"removed,omitempty"`
	Stuck        bool            `json:"stuck,omitempty"`
	Checked      time.Time       `json:"checked,omitzero"`
}

func (e *entry) stored() (*entryJSON, error) {
	if e == nil {
		return nil, nil
	}
	s := &entryJSON{
		Secret: e.Credential.Secret.Reveal(), Registration: e.Registration, Made: e.Made, Before: e.Before,
		Issuing: e.Credential.IsZero(), Registered: e.Registered, Lag: e.Lag, Proved: e.Proved, Since: e.Since, Until: e.Until, Off: e.Off,
		Removed: e.Removed, Stuck: e.Stuck, Checked: e.Checked,
	}
	if e.Credential.Key != nil {
		jwk, err := e.Credential.Key.PrivateJWK()
		if err != nil {
			return nil, fmt.Errorf("selfservice: this key cannot be stored: %w", err)
		}
		s.JWK = jwk
	}
	return s, nil
}

func (s *entryJSON) entry() (*entry, error) {
	if s == nil {
		return nil, nil
	}
	e := &entry{
		Credential:   Credential{Secret: keys.NewSecret(s.Secret)},
		Registration: s.Registration, Made: s.Made, Before: s.Before, Registered: s.Registered,
		Lag: s.Lag, Proved: s.Proved, Since: s.Since, Until: s.Until, Off: s.Off, Removed: s.Removed, Stuck: s.Stuck, Checked: s.Checked,
	}
	if s.JWK != nil {
		key, err := keys.Parse(s.JWK, keys.Options{Algorithm: written(s.JWK)})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		e.Credential.Key = key
	}
	if !s.Issuing && e.Credential.check() != nil {
		return nil, fmt.Errorf("%w: an entry without a credential", ErrCorrupt)
	}
	return e, nil
}

// written returns the "alg" of a JWK if it is Ed25519, which package keys would
// read as EdDSA: a key signs under that name when its owner chose so.
func written(jwk []byte) keys.Algorithm {
	var m struct {
		Algorithm keys.Algorithm `json:"alg"`
	}
	if bytes.Contains(jwk, []byte(keys.Ed25519)) {
		json.Unmarshal(jwk, &m) // what is no JWK is refused elsewhere
	}
	return m.Algorithm
}

type stateJSON struct {
	Format    int          `json:"format"`
	Active    *entryJSON   `json:"active,omitempty"`
	Pending   *entryJSON   `json:"pending,omitempty"`
	Retiring  []*entryJSON `json:"retiring,omitempty"`
	Rotations int          `json:"rotations"`
	Serial    int          `json:"serial,omitempty"`
	Lineage   string       `json:"lineage,omitempty"`
	Saves     string       `json:"saves,omitempty"`
	Lease     lease        `json:"lease,omitzero"`
}

// encode returns the blob.
func (s *state) encode() ([]byte, error) {
	j := stateJSON{Format: stateFormat, Rotations: s.Rotations, Serial: s.Serial, Lineage: s.Lineage, Saves: s.Saves, Lease: s.Lease}
	var err error
	if j.Active, err = s.Active.stored(); err != nil {
		return nil, err
	}
	if j.Pending, err = s.Pending.stored(); err != nil {
		return nil, err
	}
	for _, e := range s.Retiring {
		r, err := e.stored()
		if err != nil {
			return nil, err
		}
		j.Retiring = append(j.Retiring, r)
	}
	blob, err := json.Marshal(j)
	if err == nil && len(blob) > maxState {
		err = fmt.Errorf("selfservice: a state of %d bytes is too large to be read again", len(blob))
	}
	return blob, err
}

// decode reads a blob. Its errors never hold any of it.
func decode(blob []byte, version string) (*state, error) {
	if version == "" {
		return &state{}, nil
	}
	var j stateJSON
	if len(blob) > maxState || json.Unmarshal(blob, &j) != nil {
		return nil, ErrCorrupt
	}
	if j.Format != stateFormat || j.Active == nil {
		return nil, fmt.Errorf("%w: format %d", ErrCorrupt, j.Format)
	}
	s := &state{Rotations: j.Rotations, Serial: j.Serial, Lineage: j.Lineage, Saves: j.Saves, Lease: j.Lease, version: version}
	var err error
	if s.Active, err = j.Active.entry(); err != nil {
		return nil, err
	}
	if s.Pending, err = j.Pending.entry(); err != nil {
		return nil, err
	}
	for _, r := range j.Retiring {
		e, err := r.entry()
		if err != nil {
			return nil, err
		}
		if e == nil || e.Credential.IsZero() {
			return nil, ErrCorrupt
		}
		s.Retiring = append(s.Retiring, e)
	}
	if s.Active.Credential.IsZero() {
		return nil, ErrCorrupt
	}
	return s, nil
}
