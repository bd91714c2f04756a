package contract_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStoredKeysActAtOnce(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		one, two, three := newKey(t), newKey(t), newKey(t)
		require.ErrorIs(t, tg.admin.AddKey(ctx, id, one.PublicKey()), admin.ErrMode, "it has a secret")
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(one)))
		assert.True(t, tg.acceptsKey("app", one))
		require.NoError(t, tg.admin.AddKey(ctx, id, two.PublicKey()))
		assert.True(t, tg.acceptsKey("app", one))
		assert.True(t, tg.acceptsKey("app", two))
		require.NoError(t, tg.admin.AddKey(ctx, id, two.PublicKey()), "repeated")
		renamed, err := two.With(keys.Options{KeyID: "another"})
		require.NoError(t, err)
		require.ErrorIs(t, tg.admin.AddKey(ctx, id, renamed.PublicKey()), admin.ErrConfig, "the server would not find it by that kid")
		stored, err := tg.admin.Keys(ctx, id)
		require.NoError(t, err)
		require.Len(t, stored.Keys, 2)
		require.NoError(t, tg.admin.RemoveKey(ctx, id, one.Thumbprint()))
		assert.False(t, tg.acceptsKey("app", one))
		assert.True(t, tg.acceptsKey("app", two))
		require.NoError(t, tg.admin.RemoveKey(ctx, id, one.Thumbprint()), "repeated")
		require.ErrorIs(t, tg.admin.RemoveKey(ctx, id, two.Thumbprint()), admin.ErrLastKey)
		assert.False(t, tg.acceptsKey("app", three))

		same, err := three.With(keys.Options{KeyID: two.KeyID()})
		require.NoError(t, err)
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(same)))
		assert.True(t, tg.acceptsKey("app", same), "even under the kid of another")
		assert.False(t, tg.acceptsKey("app", two))
		require.Contains(t, string(two.PublicKey().JWK()), `"use":"sig"`, "without it the server finds no key")
		purposeless := strings.Replace(string(two.PublicKey().JWK()), `"use":"sig"`, `"key_ops":["verify"]`, 1)
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Attributes: map[string]string{"jwks.string": `{"keys":[` + purposeless + `]}`}}))
		assert.False(t, tg.acceptsKey("app", two))
	})
}

// TestKeysWithoutAUseDoNotCount checks that a key which the server does not look
// at is neither taken for a registered one nor for the last one.
func TestKeysWithoutAUseDoNotCount(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		mine, byHand := newKey(t), newKey(t)
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(mine)))
		unused := strings.Replace(string(byHand.PublicKey().JWK()), `,"use":"sig"`, "", 1)
		more := `"owner":"a team",`
		if tg.old() {
			more = "" // 26.0 finds no key in a JWKS with another member
		}
		document := `{` + more + `"keys":[` + string(mine.PublicKey().JWK()) + `,` + unused + `]}`
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Attributes: map[string]string{"jwks.string": document}}))
		require.True(t, tg.acceptsKey("app", mine))
		require.False(t, tg.acceptsKey("app", byHand))
		require.ErrorIs(t, tg.admin.RemoveKey(ctx, id, mine.Thumbprint()), admin.ErrLastKey)
		require.NoError(t, tg.admin.AddKey(ctx, id, byHand.PublicKey()))
		require.True(t, tg.acceptsKey("app", byHand))
		require.NoError(t, tg.admin.RemoveKey(ctx, id, mine.Thumbprint()))
		info, err := tg.admin.Client(ctx, id)
		require.NoError(t, err)
		require.JSONEq(t, `{`+more+`"keys":[`+string(byHand.PublicKey().JWK())+`]}`, info.Attributes["jwks.string"])
	})
}

func TestStoredKeysOfOthersStay(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		one, two := newKey(t), newKey(t)
		foreign := `{"kty":"OKP","crv":"X25519","use":"enc","kid":"theirs","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08","more":[1]}`
		document := `{"keys":[` + foreign + `,` + string(one.PublicKey().JWK()) + `]}`
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{
			Method: admin.MethodSignedJWT, Attributes: map[string]string{"use.jwks.string": "true", "jwks.string": document},
		}))
		require.True(t, tg.acceptsKey("app", one))
		require.NoError(t, tg.admin.AddKey(ctx, id, two.PublicKey()))
		require.NoError(t, tg.admin.RemoveKey(ctx, id, one.Thumbprint()))
		info, err := tg.admin.Client(ctx, id)
		require.NoError(t, err)
		assert.JSONEq(t, `{"keys":[`+foreign+`,`+string(two.PublicKey().JWK())+`]}`, info.Attributes["jwks.string"])
		assert.True(t, tg.acceptsKey("app", two))
		require.ErrorIs(t, tg.admin.RemoveKey(ctx, id, two.Thumbprint()), admin.ErrLastKey, "the one left cannot sign")

		same, err := newKey(t).With(keys.Options{KeyID: "theirs"})
		require.NoError(t, err)
		require.ErrorIs(t, tg.admin.AddKey(ctx, id, same.PublicKey()), admin.ErrConfig, "a kid that is taken")
	})
}

// TestKeysThatAnotherAdministratorStoresMeanwhileStay has the other store a key
// before every read of the client, including the last one.
func TestKeysThatAnotherAdministratorStoresMeanwhileStay(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		all := []*keys.Key{newKey(t)}
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(all...)))
		realm := tg.realm
		realm.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, id) {
				all = append(all, newKey(t))
				assert.NoError(t, tg.admin.AddKey(ctx, id, all[len(all)-1].PublicKey()))
			}
			return http.DefaultTransport.RoundTrip(r)
		})
		ours := newKey(t)
		raced := &admin.API{Realm: realm, Tokens: tg.tokens}
		require.NoError(t, raced.AddKey(ctx, id, ours.PublicKey()))
		stored, err := tg.admin.Keys(ctx, id)
		require.NoError(t, err)
		assert.ElementsMatch(t, set(append(all, ours)...).Keys, stored.Keys)
		require.NoError(t, raced.RemoveKey(ctx, id, ours.Thumbprint()))
		stored, err = tg.admin.Keys(ctx, id)
		require.NoError(t, err)
		assert.ElementsMatch(t, set(all...).Keys, stored.Keys)
	})
}

// TestASetMadeByHandRotates has keys that share a kid, and one key twice.
func TestASetMadeByHandRotates(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		named := func(k *keys.Key, kid string) *keys.Key {
			k, err := k.With(keys.Options{KeyID: kid})
			require.NoError(t, err)
			return k
		}
		ours, theirs, twin, next := named(newKey(t), "ours"), named(newKey(t), "shared"), named(newKey(t), "shared"), newKey(t)
		var document []string
		for _, k := range []*keys.Key{ours, theirs, twin, ours, named(ours, "ours too")} {
			document = append(document, string(k.PublicKey().JWK()))
		}
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Method: admin.MethodSignedJWT, Attributes: map[string]string{
			"use.jwks.string": "true", "jwks.string": `{"keys":[` + strings.Join(document, ",") + `]}`,
		}}))
		require.True(t, tg.acceptsKey("app", ours))
		hidden := twin
		if tg.acceptsKey("app", twin) {
			hidden = theirs
		}
		assert.False(t, tg.acceptsKey("app", hidden), "of two keys of one kid the server sees one")

		provider := keycloak.JWKS{Client: &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: tg.admin}}
		list, err := provider.List(ctx, selfservice.Credential{Key: ours})
		require.NoError(t, err)
		assert.Len(t, list, 5)
		require.NoError(t, tg.admin.AddKey(ctx, id, named(ours, "ours too").PublicKey()), "it is there under this kid as well")
		require.ErrorIs(t, tg.admin.AddKey(ctx, id, named(newKey(t), "shared").PublicKey()), admin.ErrConfig)
		_, err = provider.Register(ctx, selfservice.Credential{Key: ours}, selfservice.Credential{Key: next})
		require.NoError(t, err)
		require.NoError(t, provider.Remove(ctx, selfservice.Credential{Key: next}, selfservice.Registration{Fingerprint: ours.Thumbprint()}))
		assert.True(t, tg.acceptsKey("app", next))
		assert.False(t, tg.acceptsKey("app", ours))
		stored, err := tg.admin.Keys(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, set(theirs, twin, next), stored)
		require.NoError(t, tg.admin.RemoveKey(ctx, id, hidden.Thumbprint()))
		assert.False(t, tg.acceptsKey("app", hidden))
	})
}

func TestABrokenStoredSetIsStoredByTheServerAndRefusedHere(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		one := newKey(t)
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(one)))
		private, err := one.PrivateJWK()
		require.NoError(t, err)
		for _, broken := range []string{`{"keys":[`, `[]`, `{}`, `{"keys":[],"keys":[]}`, `{"keys":[` + string(private) + `]}`} {
			tg.rest(http.MethodPut, tg.path("clients", id), map[string]any{"attributes": map[string]string{"jwks.string": broken}})
			require.ErrorIs(t, tg.admin.AddKey(ctx, id, newKey(t).PublicKey()), admin.ErrMalformed, broken)
			if broken == `{"keys":[` {
				assert.False(t, tg.acceptsKey("app", one), "the server took it")
			}
		}
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(one)))
		assert.True(t, tg.acceptsKey("app", one))
	})
}

func TestManyStoredKeys(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		var list []*keys.Key
		for range 60 {
			list = append(list, newKey(t))
		}
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(list...)))
		assert.True(t, tg.acceptsKey("app", list[0]))
		assert.True(t, tg.acceptsKey("app", list[59]))
		require.ErrorIs(t, tg.admin.SetKeys(ctx, id, keys.Set{}), admin.ErrLastKey)
	})
}

func TestEveryAlgorithmAuthenticates(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		for _, alg := range []keys.Algorithm{keys.RS256, keys.RS384, keys.RS512, keys.PS256, keys.PS384, keys.PS512, keys.ES256, keys.ES384, keys.ES512, keys.EdDSA} {
			key, err := rsaKey().With(keys.Options{Algorithm: alg})
			if err != nil {
				key, err = keys.Generate(alg)
			}
			require.NoError(t, err)
			require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
			assert.True(t, tg.acceptsKey("app", key), alg)
		}
	})
}

// TestTheNameEd25519 is the reason why keys use "EdDSA" unless the caller asks
// for the name of RFC 9864: as of 26.7 the server does not know that name, so a
// key that has it counts as none.
func TestTheNameEd25519(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		mine := newKey(t)
		edDSA, err := keys.Generate(keys.EdDSA)
		require.NoError(t, err)
		named, err := edDSA.With(keys.Options{Algorithm: keys.Ed25519})
		require.NoError(t, err)
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(mine)))
		byHand := func(list ...*keys.Key) {
			document, err := json.Marshal(set(list...))
			require.NoError(t, err)
			require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Attributes: map[string]string{"jwks.string": string(document)}}))
		}
		for _, published := range []*keys.Key{edDSA, named} {
			byHand(published)
			for _, signing := range []*keys.Key{edDSA, named} {
				assert.Equal(t, published == edDSA && signing == edDSA, tg.acceptsKey("app", signing), "%s, %s", published.Algorithm(), signing.Algorithm())
			}
		}
		byHand(mine, named)
		require.ErrorIs(t, tg.admin.RemoveKey(ctx, id, mine.Thumbprint()), admin.ErrLastKey)
		require.ErrorIs(t, tg.admin.SetKeys(ctx, id, set(named)), admin.ErrAlgorithm)
		require.ErrorIs(t, tg.admin.AddKey(ctx, id, named.PublicKey()), admin.ErrAlgorithm)
		require.True(t, tg.acceptsKey("app", mine), "nothing has happened")
		require.NoError(t, tg.admin.AddKey(ctx, id, edDSA.PublicKey()))
		require.True(t, tg.acceptsKey("app", edDSA))
		stored, err := tg.admin.Keys(ctx, id)
		require.NoError(t, err)
		require.ElementsMatch(t, set(mine, edDSA).Keys, stored.Keys)
	})
}

func TestSwitchingMethods(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, secret := tg.client("app", nil)
		jwt := func(algorithm string) error {
			client := &keycloak.Client{Realm: tg.realm, ClientID: "app", Authenticate: func(c selfservice.Credential) assertion.Authenticator {
				signer := tg.realm.Signer("app", nil)
				signer.Key, signer.Secret, signer.Algorithm = nil, c, algorithm
				return signer
			}}
			return client.Verify(ctx, selfservice.Credential{Secret: secret})
		}
		require.ErrorIs(t, jwt("HS256"), selfservice.ErrInvalidClient)
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Method: admin.MethodSignedJWT}))
		assert.False(t, tg.acceptsSecret("app", secret), "a client of keys")
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Method: admin.MethodSecretJWT}))
		require.NoError(t, jwt("HS256"))
		require.NoError(t, jwt("HS384"))
		assert.False(t, tg.acceptsSecret("app", secret), "a secret in clear")
		wrong := secret
		secret = keys.NewSecret(strings.Repeat("wrong", 20))
		require.ErrorIs(t, jwt("HS256"), selfservice.ErrInvalidClient)
		secret = wrong

		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Method: admin.MethodX509}))
		assert.False(t, tg.acceptsSecret("app", secret))
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Method: admin.MethodSecret}))
		assert.True(t, tg.acceptsSecret("app", secret), "the secret was kept all the time")
	})
}
