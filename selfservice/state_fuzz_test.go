package selfservice

import (
	"crypto/aes"
	"crypto/cipher"
	"reflect"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzState: what is decoded encodes to the same state again. What is not is
// ErrCorrupt, with a short text.
func FuzzState(f *testing.F) {
	now := time.Date(2027, 2, 20, 1, 2, 3, 4, time.UTC)
	first, second := Credential{Key: keystest.Key(f, keys.EdDSA)}, Credential{Secret: keys.NewSecret("the secret of a client")}
	for _, s := range []*state{
		{Active: &entry{Credential: first, Made: now}},
		{Active: &entry{Credential: second}, Pending: &entry{Before: []Registration{{ID: "1", Expires: now}}}, Lease: lease{"me", now}},
		{Active: &entry{Credential: second}, Pending: &entry{Credential: first}, Retiring: []*entry{{Credential: first, Until: now, Off: true}}, Rotations: 7},
	} {
		blob, err := s.encode()
		require.NoError(f, err)
		f.Add(blob)
	}
	for _, seed := range []string{`{}`, `null`, `[]`, `{"format":2}`, `{"format":1,"active":{"secret":"s","jwk":{}}}`, `{"format":1,"active":{"issuing":true}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		s, err := decode(blob, "1")
		if err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
			assert.Regexp(t, `^[ -~]{1,200}$`, err.Error())
			return
		}
		written, err := s.encode()
		require.NoError(t, err)
		again, err := decode(written, "2")
		require.NoError(t, err)
		require.Equal(t, len(s.entries()), len(again.entries()))
		for i, e := range s.entries() {
			assert.Equal(t, e.Credential.Fingerprint(), again.entries()[i].Credential.Fingerprint())
		}
		twice, err := again.encode()
		require.NoError(t, err)
		assert.Equal(t, string(written), string(twice))
	})
}

// TestStateKeepsTheNameOfAnAlgorithm: a client registered with Ed25519 keeps signing
// under that name.
func TestStateKeepsTheNameOfAnAlgorithm(t *testing.T) {
	for _, alg := range []keys.Algorithm{keys.EdDSA, keys.Ed25519, keys.ES256} {
		key, err := keys.Generate(alg)
		require.NoError(t, err)
		blob, err := (&state{Active: &entry{Credential: Credential{Key: key}}}).encode()
		require.NoError(t, err)
		s, err := decode(blob, "1")
		require.NoError(t, err)
		assert.Equal(t, alg, s.Active.Credential.Key.Algorithm())
	}
}

// TestStateRoundTrip has a value in every field.
func TestStateRoundTrip(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2027, 2, day, 1, 2, 3, 4, time.UTC) }
	reg := Registration{ID: "1", KeyID: "2", Fingerprint: "3", Inactive: true, Created: at(1), Expires: at(2), UsableFrom: at(3)}
	e := &entry{
		Credential: Credential{Secret: keys.NewSecret("the secret of a client")}, Registration: reg, Before: []Registration{reg},
		Made: at(5), Registered: at(6), Lag: time.Minute, Proved: at(11), Since: at(7), Until: at(8), Off: true, Removed: true, Stuck: true, Checked: at(9),
	}
	for _, v := range []reflect.Value{reflect.ValueOf(*e), reflect.ValueOf(reg)} {
		for i := range v.NumField() {
			require.False(t, v.Field(i).IsZero(), "%s is not part of this test", v.Type().Field(i).Name)
		}
	}
	s := &state{Active: e, Pending: e, Retiring: []*entry{e, e}, Rotations: 7, Serial: 8, Lineage: "9", Lease: lease{"me", at(10)}, version: "1"}
	blob, err := s.encode()
	require.NoError(t, err)
	again, err := decode(blob, "1")
	require.NoError(t, err)
	for _, read := range again.entries() {
		require.True(t, read.Credential.Secret.Equal(e.Credential.Secret))
		read.Credential = e.Credential // DeepEqual cannot look into a Secret
	}
	assert.Equal(t, s, again)
}

// FuzzSealed: Seal opens what it has sealed, and nothing else.
func FuzzSealed(f *testing.F) {
	block, err := aes.NewCipher(make([]byte, 32))
	require.NoError(f, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(f, err)
	f.Add([]byte{})
	f.Add([]byte(`{"format":1}`))
	f.Add(make([]byte, 12+16))
	f.Fuzz(func(t *testing.T, blob []byte) {
		var plain Mem
		sealed := Seal(&plain, "app", aead)
		_, err := plain.Save(t.Context(), blob, "")
		require.NoError(t, err)
		_, version, err := sealed.Load(t.Context())
		require.ErrorIs(t, err, ErrCorrupt)
		_, err = sealed.Save(t.Context(), blob, version)
		require.NoError(t, err)
		opened, _, err := sealed.Load(t.Context())
		require.NoError(t, err)
		assert.Equal(t, string(blob), string(opened))
	})
}
