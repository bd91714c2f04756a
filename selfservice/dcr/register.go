package dcr

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// Application is a request for the registration of a client (RFC 7591 §3.1).
type Application struct {
	// Metadata of the client (RFC 7591 §2), such as "client_name",
	// "grant_types" and "redirect_uris". It is only read.
	Metadata Metadata

	// Rotator is given the client's credential; its Provider is c.Keys() or
	// c.Secret(). With "token_endpoint_auth_method" private_key_jwt, or none,
	// in Metadata this is a key: the one that the Rotator has adopted, or else
	// a new one for "token_endpoint_auth_signing_alg", without which it is
	// ES256. With client_secret_basic, _post or _jwt it is the secret that the
	// server answers with. Nil: the credential is left to the caller, as with
	// "jwks_uri" (package jwksurl), a certificate, or none.
	Rotator *selfservice.Rotator

	// InitialAccessToken is what an administrator gave out; zero: the server
	// lets anyone register.
	InitialAccessToken keys.Secret

	// SoftwareStatement is "software_statement", a signed JWT (RFC 7591 §2.3);
	// may be zero.
	SoftwareStatement keys.Secret
}

// Register registers a client and adopts it. If the store has a registration
// already it makes no request, so a program may call it at every start. Of
// several replicas that do, one registers and the others wait for it, for up to
// 95 s if it has died.
//
// Before the request is sent, a new private key is in the Rotator's store, and
// Store has been written to. The registration access token is stored before
// anything else is done with the answer. A lost reply cannot be recovered: the
// server then has a client whose id and access token nobody knows, which only
// an administrator can delete, and an initial access token for one registration
// is spent. The next call registers another client, with the same key. Once the
// request is sent, Register waits for the answer for up to 30 s, even if ctx
// ends.
//
// The errors of RFC 7591 §3.2.2 are [ErrRedirectURI], [ErrClientMetadata],
// [ErrSoftwareStatement] and [ErrUnapproved]; a server that wants another
// initial access token is [ErrInitialToken], and a policy that forbids the
// registration [ErrForbidden]. With [ErrNotManaged] (the server has RFC 7591,
// but not RFC 7592) and [ErrOrigin] the client exists, and is returned but not
// stored: a caller who trusts the other origin may Adopt it.
func (c *Client) Register(ctx context.Context, a Application) (Registration, error) {
	m, secret, err := a.metadata()
	if err != nil {
		return Registration{}, err
	}
	if err := c.lock(ctx); err != nil {
		return Registration{}, err
	}
	defer c.unlock()
	var send request
	r, version, err := c.acquire(ctx, func() (err error) {
		send, err = c.prepare(ctx, a, m, secret)
		return err
	})
	var made answer
	if errors.Is(err, errMine) {
		made, r, version, err = c.apply(ctx, send, version)
	}
	if err == nil && secret {
		err = c.adoptSecret(ctx, a.Rotator, made, r, version)
	}
	return r, err
}

// metadata returns a copy of the metadata, and whether the credential is a
// secret.
func (a Application) metadata() (m Metadata, secret bool, err error) {
	m = Metadata{}
	maps.Copy(m, a.Metadata)
	const name = "token_endpoint_auth_method"
	method := m.text(name)
	secret = a.Rotator != nil && strings.HasPrefix(method, "client_secret_")
	switch {
	case a.Rotator == nil || secret:
	case m.has(name) && method != "private_key_jwt":
		err = refuse(ErrConfig, "a Rotator, and a token_endpoint_auth_method that is neither a key nor a secret")
	case m.has("jwks_uri"):
		err = refuse(ErrKeysByURL, "leave out the Rotator, and give package jwksurl one")
	default:
		err = m.set(name, "private_key_jwt")
	}
	if !a.SoftwareStatement.IsZero() {
		m.set("software_statement", a.SoftwareStatement.Reveal())
	}
	return m, secret, err
}

// request is one for the registration of a client.
type request struct {
	endpoint string
	initial  keys.Secret // the initial access token
	body     []byte
}

// prepare makes the request. A new key is in the Rotator's store then.
func (c *Client) prepare(ctx context.Context, a Application, m Metadata, secret bool) (request, error) {
	if a.Rotator != nil && !secret {
		key, err := keyOf(ctx, a.Rotator, m)
		if err != nil {
			return request{}, err
		}
		if _, err := m.add(key.PublicKey()); err != nil {
			return request{}, err
		}
	}
	server, err := c.discover(ctx)
	if err != nil {
		return request{}, err
	}
	if server.RegistrationEndpoint == "" {
		return request{}, refuse(ErrNoEndpoint, "registration")
	}
	body, err := json.Marshal(m)
	if err != nil {
		return request{}, refuse(ErrConfig, "the metadata is not JSON")
	}
	return request{server.RegistrationEndpoint, a.InitialAccessToken, body}, nil
}

// apply registers the client. The store holds the caller's lease, at version.
// The answer is empty where the registration is another replica's.
func (c *Client) apply(ctx context.Context, send request, version string) (made answer, r Registration, next string, err error) {
	// Even if the caller is canceled: nobody could find the client again.
	if made, err = c.post(context.WithoutCancel(ctx), send); err == nil && made.text("client_id") == "" {
		err = refuse(ErrMalformed, "no client_id")
	}
	if err != nil {
		c.release(ctx, version)
		return answer{}, r, "", err
	}
	mine := Registration{made.text("client_id"), made.text("registration_client_uri"), made.token}
	switch {
	case mine.URI == "" || mine.AccessToken.IsZero():
		err = refuse(ErrNotManaged, "")
	case !sameOrigin(mine.URI, send.endpoint):
		err = refuse(ErrOrigin, "")
	}
	if err != nil {
		c.release(ctx, version)
		return made, mine, "", err
	}
	r, next, err = c.settle(ctx, mine, version)
	if r.ClientID != mine.ClientID {
		made = answer{} // of a client that is deleted
	}
	return made, r, next, err
}

// keyOf returns the Rotator's key, which it has stored.
func keyOf(ctx context.Context, r *selfservice.Rotator, m Metadata) (*keys.Key, error) {
	key, err := r.SigningKey(ctx)
	if !errors.Is(err, selfservice.ErrNotAdopted) {
		return key, err
	}
	alg := keys.ES256
	if name := m.text("token_endpoint_auth_signing_alg"); name != "" {
		alg = keys.Algorithm(name)
	}
	if key, err = keys.Generate(alg); err != nil {
		return nil, err
	}
	if err := r.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		return nil, err
	}
	return r.SigningKey(ctx) // another replica's, if that was first
}

// post sends the request (RFC 7591 §3.1).
func (c *Client) post(ctx context.Context, send request) (answer, error) {
	got, err := c.call(ctx, http.MethodPost, send.endpoint, send.initial, send.body)
	if err != nil {
		return answer{}, err
	}
	if got.Status != http.StatusCreated && got.Status != http.StatusOK {
		e := refusal(got)
		if e.Rule == ErrAccessToken {
			e.Rule = ErrInitialToken
		}
		return answer{}, e
	}
	return parse(got)
}

// adoptSecret gives the Rotator the secret that the server has made, perhaps
// for an earlier process.
func (c *Client) adoptSecret(ctx context.Context, rotator *selfservice.Rotator, a answer, r Registration, version string) error {
	_, err := rotator.ClientSecret(ctx)
	if !errors.Is(err, selfservice.ErrNotAdopted) {
		return err
	}
	if a.secret.IsZero() {
		if a, _, _, err = c.read(ctx, r, version); err != nil {
			return err
		}
	}
	if a.secret.IsZero() {
		return refuse(ErrMalformed, "it shows no client_secret")
	}
	return rotator.Adopt(ctx, selfservice.Credential{Secret: a.secret})
}
