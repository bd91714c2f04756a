package okta

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// MaxSecrets is how many client secrets an app can have, inactive ones
// included.
const MaxSecrets = 2

// Lengths of a client secret, in printable ASCII characters.
const (
	minSecret    = 14
	minJWTSecret = 32 // for client_secret_jwt
	maxSecret    = 100
)

// Secret is one client secret of an app.
type Secret struct {
	ID          string
	Status      Status
	Value       keys.Secret // zero: not shown to this administrator
	Hash        string      // "secret_hash": base64url of the first 16 bytes of SHA-256 of the value
	Created     time.Time   // whole seconds; zero: not told
	LastUpdated time.Time
}

// Fingerprint returns the fingerprint of the value, as selfservice.Credential
// has it; empty if the value is not shown.
func (s *Secret) Fingerprint() string { return selfservice.Credential{Secret: s.Value}.Fingerprint() }

// Is reports whether the secret has that fingerprint of a
// selfservice.Credential. It uses the hash if the value is not shown.
func (s *Secret) Is(fingerprint string) bool {
	if !s.Value.IsZero() {
		return s.Fingerprint() == fingerprint
	}
	return s.Hash != "" && s.Hash == shortHash(fingerprint)
}

// shortHash returns the secret_hash of a secret of that fingerprint.
func shortHash(fingerprint string) string {
	sum, err := base64.RawURLEncoding.DecodeString(fingerprint)
	if err != nil || len(sum) != sha256.Size {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// UnmarshalJSON reads Okta's form of a secret.
func (s *Secret) UnmarshalJSON(data []byte) error {
	var in struct {
		entry
		times
		Value string `json:"client_secret"`
		Hash  string `json:"secret_hash"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return errors.New("okta: not a client secret") // the reason may quote it
	}
	*s = Secret{ID: in.ID, Status: in.Status, Value: keys.NewSecret(in.Value), Hash: in.Hash, Created: in.created(), LastUpdated: in.lastUpdated()}
	return nil
}

// times are the dates of a credential.
type times struct {
	Created     string `json:"created"`
	LastUpdated string `json:"lastUpdated"`
}

func (t times) created() time.Time     { return date(t.Created) }
func (t times) lastUpdated() time.Time { return date(t.LastUpdated) }

func date(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// Secrets lists an app's client secrets, in no particular order. An app that
// authenticates without one has none. Okta logs that they were read.
func (a *Admin) Secrets(ctx context.Context, appID string) ([]Secret, error) {
	path, err := appPath(appID, "credentials", string(secrets))
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if err := a.call(ctx, http.MethodGet, path, nil, &raw); err != nil {
		return nil, err
	}
	var list []Secret
	if isObject(raw) { // {}: there are none
		return nil, nil
	}
	if len(raw) > 0 && json.Unmarshal(raw, &list) != nil {
		return nil, refuse(ErrMalformed, "the list of secrets")
	}
	return list, nil
}

// Secret reads one client secret.
func (a *Admin) Secret(ctx context.Context, appID, secretID string) (*Secret, error) {
	path, err := appPath(appID, "credentials", string(secrets), secretID)
	if err != nil {
		return nil, err
	}
	s := new(Secret)
	return s, a.one(ctx, http.MethodGet, path, nil, s, &s.ID)
}

// GenerateSecret has Okta make another client secret, which is active at once.
// After a lost reply, [Admin.Secrets] shows whether there is one; AddSecret
// needs no such care.
func (a *Admin) GenerateSecret(ctx context.Context, appID string) (*Secret, error) {
	s, refused, err := a.postSecret(ctx, appID, struct{}{})
	if refused != nil {
		return nil, a.noSecret(ctx, appID, "", refused)
	}
	return s, err
}

// AddSecret registers a client secret of the caller's: 14 to 100 printable
// ASCII characters, 32 at least for client_secret_jwt. Adding one that is
// active already is not an error. It fails with [ErrFull] if there are two
// already.
func (a *Admin) AddSecret(ctx context.Context, appID string, value keys.Secret) (*Secret, error) {
	list, err := a.Secrets(ctx, appID)
	if err != nil {
		return nil, err
	}
	return a.addSecret(ctx, appID, list, value)
}

// addSecret adds a secret to those that have been listed.
func (a *Admin) addSecret(ctx context.Context, appID string, list []Secret, value keys.Secret) (*Secret, error) {
	if err := checkSecret(value, minSecret); err != nil {
		return nil, err
	}
	if found, err := registered(list, value); found != nil || err != nil {
		return found, err
	}
	s, refused, err := a.postSecret(ctx, appID, map[string]string{"client_secret": value.Reveal(), "status": string(Active)})
	if refused == nil {
		return s, err
	}
	if list, err = a.Secrets(ctx, appID); err != nil {
		return nil, unexplained(refused, err)
	}
	if found, err := registered(list, value); found != nil || err != nil {
		return found, err
	}
	return nil, a.noSecret(ctx, appID, value.Reveal(), refused)
}

// registered returns the secret of that value if it is there and active.
func registered(list []Secret, value keys.Secret) (*Secret, error) {
	fingerprint := selfservice.Credential{Secret: value}.Fingerprint()
	for i := range list {
		switch s := &list[i]; {
		case !s.Is(fingerprint):
		case s.Status == Active:
			return s, nil
		default:
			return nil, refuse(ErrInactive, s.ID)
		}
	}
	return nil, nil
}

func checkSecret(value keys.Secret, least int) error {
	text := value.Reveal()
	if len(text) < least || len(text) > maxSecret {
		return refuse(ErrConfig, "a client secret of "+strconv.Itoa(len(text))+" characters, not of "+strconv.Itoa(least)+" to "+strconv.Itoa(maxSecret))
	}
	for _, c := range []byte(text) {
		if c < 0x20 || c > 0x7e {
			return refuse(ErrConfig, "a client secret with characters that are not printable ASCII")
		}
	}
	return nil
}

// postSecret returns the violation of one of Okta's rules apart from other
// errors.
func (a *Admin) postSecret(ctx context.Context, appID string, body any) (*Secret, *Error, error) {
	path, err := appPath(appID, "credentials", string(secrets))
	if err != nil {
		return nil, nil, err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, nil, err
	}
	s := new(Secret)
	err = a.one(ctx, http.MethodPost, path, text, s, &s.ID)
	var refused *Error
	if errors.As(err, &refused) && refused.isRule() {
		return nil, refused, err
	}
	if err != nil {
		return nil, nil, err
	}
	return s, nil, nil
}

// noSecret says why a secret was not added.
func (a *Admin) noSecret(ctx context.Context, appID, value string, refused *Error) error {
	list, err := a.Secrets(ctx, appID)
	if err != nil {
		return unexplained(refused, err)
	}
	if len(list) >= MaxSecrets {
		return refused.because(ErrFull, "delete one of the two that nobody uses")
	}
	app, err := a.App(ctx, appID)
	switch {
	case err != nil:
		return unexplained(refused, err)
	case !app.Method.usesSecret():
		return refused.because(ErrMethod, "by "+string(app.Method))
	case app.Method == MethodSecretJWT && value != "" && len(value) < minJWTSecret:
		return refused.because(ErrConfig, "a client secret shorter than "+strconv.Itoa(minJWTSecret)+" characters for "+string(MethodSecretJWT))
	}
	return refused
}

// ActivateSecret makes a client secret accepted again.
func (a *Admin) ActivateSecret(ctx context.Context, appID, secretID string) error {
	return a.change(ctx, appID, secrets, secretID, activate)
}

// DeactivateSecret deactivates a client secret; it can be activated again. For
// the only active one it fails with [ErrLastActive].
func (a *Admin) DeactivateSecret(ctx context.Context, appID, secretID string) error {
	return a.change(ctx, appID, secrets, secretID, deactivate)
}

// DeleteSecret permanently deletes an inactive client secret. Deleting one that
// is gone is not an error; for an active one it fails with [ErrActive].
func (a *Admin) DeleteSecret(ctx context.Context, appID, secretID string) error {
	return a.change(ctx, appID, secrets, secretID, deletion)
}
