package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	internal "github.com/nokkel/nokkel/selfservice/internal/rest"
	"github.com/nokkel/nokkel/selfservice/rest"
)

const (
	callTimeout = 30 * time.Second
	makeTimeout = 2 * time.Minute // for a busy server to make an RSA key
	maxBody     = 4 << 20
	jsonType    = "application/json"
)

// API calls the Admin REST API of a realm. Its methods are safe for concurrent
// use; its fields must not change after the first call. The methods take a
// client's id, which [API.FindClient] returns for its client_id.
//
// No call is conditional: Keycloak keeps no versions. A method that reads,
// changes and writes therefore reads again, and returns [ErrLost] if its change
// is gone. One loss goes unnoticed. The server stores name, URIs, method and
// secret of a client as one row, even if an update sets only one of them, so
// that of two simultaneous updates the later one undoes the earlier one, without
// an error to either. (Seen in a third of 200 such pairs. Attributes, which
// include the keys, are safe.)
type API struct {
	Realm  Realm            // whose clients are managed
	Tokens dpop.TokenSource // who asks: a client of this realm or of master, see [Realm.Tokens]

	prover   dpop.Prover
	policies sync.Mutex // the documents of client policies are written whole
}

// request is one call below /admin; the path is escaped by its maker.
type request struct {
	method      string
	path        string
	query       url.Values
	body        []byte
	contentType string
	timeout     time.Duration // zero: callTimeout
}

// call makes one call and returns the body of a 2xx answer. It replaces a token
// once: one that is refused, as after a restart of the server, or one that lacks
// a role, which 26.0 reads from the token and which may be granted by now.
func (a *API) call(ctx context.Context, r request) ([]byte, error) {
	if a.Tokens == nil {
		return nil, refuse(ErrConfig, "an API without Tokens")
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.timeout, callTimeout))
	defer cancel()
	token, key, err := a.Tokens.BoundToken(ctx)
	if err != nil {
		return nil, err
	}
	body, err := a.send(ctx, r, token, key)
	source, ok := a.Tokens.(interface{ Discard(token string) })
	if !ok || !errors.Is(err, ErrUnauthorized) && !errors.Is(err, ErrForbidden) {
		return body, err
	}
	source.Discard(token)
	next, key, tokenErr := a.Tokens.BoundToken(ctx)
	switch {
	case tokenErr != nil:
		return nil, tokenErr
	case next == token: // another was replaced a moment ago
		return nil, err
	}
	return a.send(ctx, r, next, key)
}

func (a *API) send(ctx context.Context, r request, token string, key *keys.Key) ([]byte, error) {
	address, err := a.address(r)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Accept": {jsonType + ", */*;q=0.5"}} // an HTML error page says nothing
	if r.body != nil {
		header.Set("Content-Type", r.contentType)
	}
	got, err := rest.Call{
		Method: r.method, URL: address, Body: keys.NewSecret(string(r.body)), Header: header, MaxBody: maxBody, Timeout: cmp.Or(r.timeout, callTimeout),
		Tokens: internal.Bound{Token: token, Key: key}, Prover: &a.prover, Base: a.Realm.Base,
	}.Do(ctx)
	var failed *rest.Error
	switch {
	case errors.As(err, &failed) && failed.Rule == rest.ErrTooLarge:
		return nil, &Error{Rule: ErrTooLarge, Status: failed.Status}
	case failed != nil && failed.Rule == rest.ErrURL:
		return nil, refuse(ErrConfig, "the server's URL")
	case failed != nil:
		return nil, internal.Wrap("keycloak", failed.Err)
	case err != nil:
		return nil, internal.Wrap("keycloak", err)
	case !got.OK():
		return nil, refusal(got)
	}
	return []byte(got.Body.Reveal()), nil
}

// address returns the URL of a request. It refuses to send tokens in clear text.
func (a *API) address(r request) (string, error) {
	u, ok := internal.SafeURL(a.Realm.Server)
	if !ok || u.RawQuery != "" || u.Fragment != "" {
		return "", refuse(ErrConfig, "the server's URL, which is to be https")
	}
	address := strings.TrimSuffix(u.String(), "/") + "/admin" + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	return address, nil
}

// realm returns the path of something in the realm.
func (a *API) realm(elements ...string) string {
	path := "/realms/" + url.PathEscape(a.Realm.Name)
	for _, e := range elements {
		path += "/" + url.PathEscape(e)
	}
	return path
}

// get reads JSON into answer.
func (a *API) get(ctx context.Context, path string, query url.Values, answer any) error {
	return a.read(ctx, request{method: http.MethodGet, path: path, query: query}, answer)
}

// exchange sends in and reads the answer, both as JSON; either may be nil.
func (a *API) exchange(ctx context.Context, method, path string, in, answer any) error {
	r := request{method: method, path: path}
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return err
		}
		r.body, r.contentType = body, jsonType
	}
	return a.read(ctx, r, answer)
}

func (a *API) read(ctx context.Context, r request, answer any) error {
	body, err := a.call(ctx, r)
	if err != nil || answer == nil {
		return err
	}
	if json.Unmarshal(body, answer) != nil { // its error may quote the body
		return refuse(ErrMalformed, "not the JSON that it should be")
	}
	return nil
}
