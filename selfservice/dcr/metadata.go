package dcr

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// Metadata is a client's metadata (RFC 7591 §2), every member as the server
// sent it except "client_secret" and "registration_access_token", so it may be
// printed.
type Metadata map[string]json.RawMessage

// answer is what the server says of the client.
type answer struct {
	Metadata
	secret keys.Secret // "client_secret"
	token  keys.Secret // "registration_access_token"
}

// readAnswer parses the body of an answer.
func readAnswer(body []byte) (a answer, ok bool) {
	if json.Unmarshal(body, &a.Metadata) != nil || a.Metadata == nil {
		return answer{}, false
	}
	a.secret, a.token = a.take("client_secret"), a.take("registration_access_token")
	if strings.Trim(a.secret.Reveal(), "*") == "" {
		a.secret = keys.Secret{} // stars are shown in place of a secret
	}
	return a, true
}

// take removes a member from the metadata and returns it.
func (m Metadata) take(name string) keys.Secret {
	defer delete(m, name)
	return keys.NewSecret(m.text(name))
}

func (m Metadata) text(name string) string {
	var s string
	json.Unmarshal(m[name], &s)
	return s
}

// has reports whether a member is present and not empty.
func (m Metadata) has(name string) bool {
	text := string(m[name])
	return text != "" && text != "null" && text != `""`
}

// lastSecond is the end of the year 9999. The state has no room for a later time.
const lastSecond = 253402300799

// seconds returns a time in Unix seconds, rounded down, and zero for anything that
// is none from 1970 to 9999.
func (m Metadata) seconds(name string) int64 {
	var n json.Number
	json.Unmarshal(m[name], &n)
	f, err := n.Float64()
	if err != nil || f < 0 || f > lastSecond {
		return 0
	}
	return int64(f)
}

func (m Metadata) set(name string, value any) error {
	b, err := json.Marshal(value)
	m[name] = b
	return err
}

// forUpdate turns an answer into a request: with client_id, and without what
// only the server sets (RFC 7592 §2.2). The secret is left out, since it could
// only restore an old one.
func (m Metadata) forUpdate(clientID string) {
	for _, name := range []string{"registration_client_uri", "client_secret_expires_at", "client_id_issued_at"} {
		delete(m, name)
	}
	m.set("client_id", clientID)
}

// jwk is one key of "jwks", kept verbatim: the set may hold keys of other kinds
// and purposes, which are not ours to change.
type jwk struct {
	raw        json.RawMessage
	kid        string
	thumbprint string // empty when this module cannot read the key
}

// keys returns the set. A client has either a set or the URL of one (RFC 7591
// §2): one that has a URL would lose it, and with it every key that is there.
func (m Metadata) keys() ([]jwk, error) {
	if m.has("jwks_uri") {
		return nil, refuse(ErrKeysByURL, "package jwksurl rotates the keys of such a client")
	}
	if !m.has("jwks") {
		return nil, nil
	}
	raw := m["jwks"]
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(raw, &set) != nil {
		return nil, refuse(ErrMalformed, "jwks is not a JWK Set")
	}
	var all []jwk
	for _, raw := range set.Keys {
		k := jwk{raw: raw}
		if p, err := keys.ParsePublic(raw, keys.Options{}); err == nil {
			k.kid, k.thumbprint = p.KeyID(), p.Thumbprint()
		}
		all = append(all, k)
	}
	return all, nil
}

func (m Metadata) setKeys(all []jwk) error {
	raw := make([]json.RawMessage, len(all))
	for i, k := range all {
		raw[i] = k.raw
	}
	delete(m, "jwks_uri") // which is null or empty
	return m.set("jwks", map[string]any{"keys": raw})
}

// add puts a key into the set; false: it is there.
func (m Metadata) add(key *keys.PublicKey) (bool, error) {
	all, err := m.keys()
	if err != nil || slices.ContainsFunc(all, func(k jwk) bool { return k.thumbprint == key.Thumbprint() && k.kid == key.KeyID() }) {
		return false, err
	}
	return true, m.setKeys(append(all, jwk{raw: key.JWK()}))
}

// drop takes a key out of the set; false: it is not there.
func (m Metadata) drop(thumbprint string) (bool, error) {
	all, err := m.keys()
	if err != nil {
		return false, err
	}
	rest := slices.DeleteFunc(slices.Clone(all), func(k jwk) bool { return k.thumbprint == thumbprint })
	switch {
	case len(rest) == len(all):
		return false, nil
	case !slices.ContainsFunc(rest, func(k jwk) bool { return k.thumbprint != "" }):
		return false, refuse(ErrConfig, "this is the client's last key that signs")
	}
	return true, m.setKeys(rest)
}

// credential returns the client secret, and what the server tells of it.
func (a answer) credential() (selfservice.Credential, selfservice.Registration) {
	reg := selfservice.Registration{Fingerprint: selfservice.Credential{Secret: a.secret}.Fingerprint()}
	if at := a.seconds("client_secret_expires_at"); at > 0 { // zero: never, RFC 7591 §3.2.1
		reg.Expires = time.Unix(at, 0)
	}
	return selfservice.Credential{Secret: a.secret}, reg
}
