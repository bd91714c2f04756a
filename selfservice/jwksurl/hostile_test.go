package jwksurl_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/jwksurl"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// page answers every request with the same body.
type page struct{ io.Reader }

func (p page) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(p.Reader)}, nil
}

// endless counts what was read of it.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	e.read += len(b)
	return len(b), nil
}

func published(t *testing.T, body io.Reader) (keys.Set, error) {
	p := &jwksurl.Provider{URL: "https://app.example.no/jwks", Base: page{body}}
	return p.Published(t.Context())
}

// TestSetThatIsHostile checks that a set is read as a whole or not at all, except
// for keys of kinds that this module does not know.
func TestSetThatIsHostile(t *testing.T) {
	key, other := keystest.Key(t, keys.ES256), keystest.Key(t, keys.ES256)
	public := string(key.PublicKey().JWK())
	private, err := key.PrivateJWK()
	require.NoError(t, err)
	sameKid, err := other.With(keys.Options{KeyID: key.KeyID()})
	require.NoError(t, err)
	endlessBody := &endless{}
	for name, test := range map[string]struct {
		body io.Reader
		rule error
	}{
		"endless body":    {endlessBody, keys.ErrTooLarge},
		"10 000 keys":     {strings.NewReader(`{"keys":[` + strings.Repeat(`{},`, 9999) + `{}]}`), keys.ErrTooLarge},
		"HTML":            {strings.NewReader("<!doctype html>"), keys.ErrMalformed},
		"a kid twice":     {strings.NewReader(`{"keys":[` + public + `,` + string(sameKid.PublicKey().JWK()) + `]}`), keys.ErrAmbiguous},
		"a private key":   {strings.NewReader(`{"keys":[` + string(private) + `]}`), keys.ErrPrivateKey},
		"an oct key":      {strings.NewReader(`{"keys":[` + public + `,{"kty":"oct","k":"AQ"}]}`), keys.ErrPrivateKey},
		"body breaks off": {io.MultiReader(strings.NewReader(`{"keys":[`), broken{}), errBroken},
	} {
		_, err := published(t, test.body)
		require.ErrorIs(t, err, jwksurl.ErrNotReachable, name)
		assert.ErrorIs(t, err, test.rule, name)
		keystest.Redacted(t, err, keystest.Secrets(t, key)...)
	}
	assert.Less(t, endlessBody.read, 1<<20)

	set, err := published(t, strings.NewReader(`{"keys":[{"kty":"AKP"},{"kty":7},`+public+`]}`))
	require.NoError(t, err)
	require.Len(t, set.Keys, 1)
	assert.True(t, set.Keys[0].Equal(key.PublicKey()))
}

var errBroken = errors.New("connection reset")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// FuzzPublished checks that a key counts as published only if the set has it.
func FuzzPublished(f *testing.F) {
	// The key of RFC 8037 appendix A.1: the same one in every process.
	key, err := keys.Parse([]byte(`{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`), keys.Options{})
	require.NoError(f, err)
	public := string(key.PublicKey().JWK())
	for _, seed := range []string{`{"keys":[` + public + `]}`, `{"keys":[]}`, `{"keys":[{}]}`, public, `<html>`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		p := &jwksurl.Provider{URL: "https://app.example.no/jwks", Base: page{strings.NewReader(body)}}
		reg, err := p.Register(t.Context(), selfservice.Credential{}, selfservice.Credential{Key: key})
		if err != nil {
			assert.True(t, errors.Is(err, jwksurl.ErrNotReachable) || errors.Is(err, jwksurl.ErrUnpublished), "%v", err)
			return
		}
		assert.Equal(t, key.Thumbprint(), reg.Fingerprint)
		set, err := keys.ParseSet([]byte(body))
		require.NoError(t, err)
		assert.True(t, set.Key(key.KeyID()).Equal(key.PublicKey()))
	})
}
