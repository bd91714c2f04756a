package helseid

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// thumbprintLength is that of SHA-256 in base64url; text of another length is
// not a thumbprint.
const thumbprintLength = 43

// ClientSecret is one key that is registered for the client; HelseID calls
// public keys client secrets. Members that the server leaves out are empty.
type ClientSecret struct {
	KeyID      string
	Thumbprint string          // RFC 7638, SHA-256, base64url; empty if the server sends something else
	Expiration time.Time       // in UTC; zero: never
	Origin     string          // "Api": registered by the client; "Gui": by a person
	PublicKey  *keys.PublicKey // nil: the server did not show it, or it is of no kind that signs
}

// UpdateClientSecret registers a new public key for the client, authenticated
// by one that is registered, and returns when the new one expires: in UTC, zero
// for never. HelseID does not promise to keep accepting the old one, so store
// the new private key first. After an error the key may be registered
// nevertheless; [Client.ClientSecrets] or [Client.VerifyKey] finds out.
func (c *Client) UpdateClientSecret(ctx context.Context, as keys.Source, next *keys.PublicKey) (time.Time, error) {
	if next == nil {
		return time.Time{}, &Error{Rule: ErrAlgorithm}
	}
	if err := takes(next.Algorithm()); err != nil {
		return time.Time{}, err
	}
	status, body, err := c.call(ctx, as, http.MethodPost, next.JWK())
	if err != nil {
		return time.Time{}, err
	}
	return parseRegistered(status, body)
}

// takes refuses what HelseID does not take. If it registered such a key and dropped
// the old one, the client would be locked out.
func takes(alg keys.Algorithm) error {
	if alg == "" || alg == keys.EdDSA || alg == keys.Ed25519 {
		return &Error{Rule: ErrAlgorithm}
	}
	return nil
}

// parseRegistered reads the answer to a registration.
func parseRegistered(status int, body []byte) (time.Time, error) {
	if len(body) == 0 {
		return time.Time{}, nil // accepted, without an expiry
	}
	var answer struct {
		Expiration json.RawMessage `json:"expiration"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return time.Time{}, &Error{Rule: ErrMalformed, Status: status}
	}
	return parseExpiration(answer.Expiration)
}

// ClientSecrets lists the keys that are registered for the client.
func (c *Client) ClientSecrets(ctx context.Context, as keys.Source) ([]ClientSecret, error) {
	status, body, err := c.call(ctx, as, http.MethodGet, nil)
	if err != nil {
		return nil, err
	}
	return parseList(status, body)
}

// parseList reads the list of a client's keys.
func parseList(status int, body []byte) ([]ClientSecret, error) {
	var rows []struct {
		Expiration json.RawMessage `json:"expiration"`
		KeyID      string          `json:"kid"`
		Thumbprint string          `json:"jwkThumbprint"`
		Origin     string          `json:"origin"`
		PublicJWK  json.RawMessage `json:"publicJwk"`
	}
	if json.Unmarshal(body, &rows) != nil {
		return nil, &Error{Rule: ErrMalformed, Status: status}
	}
	list := make([]ClientSecret, 0, len(rows))
	for _, row := range rows {
		s := ClientSecret{KeyID: row.KeyID, Origin: row.Origin}
		if len(row.Thumbprint) == thumbprintLength {
			s.Thumbprint = row.Thumbprint
		}
		var err error
		if s.Expiration, err = parseExpiration(row.Expiration); err != nil {
			return nil, err // a missing date is harmless, a wrong one is not
		}
		if key, err := keys.ParsePublic(row.PublicJWK, keys.Options{}); err == nil {
			s.PublicKey = key
			if s.Thumbprint == "" {
				s.Thumbprint = key.Thumbprint()
			}
		}
		list = append(list, s)
	}
	return list, nil
}

// Find returns the entry of a key in a list: the one with its thumbprint, or
// else the one with its kid. The kid counts only if the server sends no
// thumbprint and no other entry has it, since keys made by hand for one client
// often share a kid.
func Find(list []ClientSecret, key *keys.PublicKey) (ClientSecret, bool) {
	var byKid []ClientSecret
	for _, s := range list {
		switch {
		case s.Thumbprint != "" && s.Thumbprint == key.Thumbprint():
			return s, true
		case s.Thumbprint == "" && s.KeyID == key.KeyID():
			byKid = append(byKid, s)
		}
	}
	if len(byKid) == 1 {
		return byKid[0], true
	}
	return ClientSecret{}, false
}
