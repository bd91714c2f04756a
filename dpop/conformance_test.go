package dpop_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/require"
)

// TestOpenIDConformanceVerdicts has the cases of the OpenID conformance suite's
// FAPI 2.0 plans for proofs at a resource server (modules DpopNegativeTests,
// CheckDpopProofNbfExp, EnsureDpopProofWithIat10Seconds...), including those that
// are only warnings.
func TestOpenIDConformanceVerdicts(t *testing.T) {
	verifier := &dpop.Verifier{Replay: &dpop.Memory{}, Algorithms: []keys.Algorithm{keys.PS256, keys.ES256, keys.EdDSA}}
	header, claims := goodHeader, goodClaims
	iat := func(off time.Duration) part {
		return claims().with("iat", strconv.FormatInt(time.Now().Add(off).Unix(), 10))
	}
	ok := func(h, c part) dpop.Request { return with(forge(h.String(), c.String())) }
	good := forge(header().String(), claims().String())
	same := claims().with("jti", `"fixed"`)
	rsa, err := keys.GenerateRSA(keys.RS256, 2048)
	require.NoError(t, err)
	byRSA, err := dpop.Sign(t.Context(), rsa, dpop.Proof{URL: patients, AccessToken: keys.NewSecret(forgedToken)})
	require.NoError(t, err)
	other, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	byOther, err := dpop.Sign(t.Context(), other, dpop.Proof{URL: patients, AccessToken: keys.NewSecret(forgedToken)})
	require.NoError(t, err)

	for _, c := range []struct {
		name    string
		request dpop.Request
		rule    error // nil: accepted
	}{
		{"a correct proof", with(good), nil},
		{"more than one proof", with(good, forge(header().String(), claims().String())), dpop.ErrProofMany},
		{"not a well-formed JWT", with(strings.ReplaceAll(good, ".", "")), dpop.ErrProofMalformed},
		{"typ is missing", ok(header().with("typ", ""), claims()), dpop.ErrProofType},
		{"alg is missing", ok(header().with("alg", ""), claims()), dpop.ErrProofAlgorithm},
		{"jwk is missing", ok(header().with("jwk", ""), claims()), dpop.ErrProofKey},
		{"jti is missing", ok(header(), claims().with("jti", "")), dpop.ErrProofClaims},
		{"htm is missing", ok(header(), claims().with("htm", "")), dpop.ErrProofClaims},
		{"htu is missing", ok(header(), claims().with("htu", "")), dpop.ErrProofClaims},
		{"iat is missing", ok(header(), claims().with("iat", "")), dpop.ErrProofClaims},
		{"ath is missing", ok(header(), claims().with("ath", "")), dpop.ErrProofToken},
		{"typ is invalid", ok(header().with("typ", `"dpop-jwt"`), claims()), dpop.ErrProofType},
		{"signed using RS256", with(byRSA), dpop.ErrProofAlgorithm},
		{"alg none", with(strings.TrimRight(forge(header().with("alg", `"none"`).String(), claims().String()), "-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")), dpop.ErrProofAlgorithm},
		{"invalid signature", with(good[:len(good)-86] + forge("{}", "{}")[len(forge("{}", "{}"))-86:]), dpop.ErrProofSignature},
		{"jwk with the private key", ok(header().with("jwk", goodJWK().with("d", quoted(make([]byte, 32))).String()), claims()), dpop.ErrProofKey},
		{"wrong htm", ok(header(), claims().with("htm", `"PUT"`)), dpop.ErrProofMethod},
		{"htu with query and fragment", ok(header(), claims().with("htu", `"`+patients+`?a=b#c"`)), nil},
		{"htu without the query of the request", func() dpop.Request { r := ok(header(), claims()); r.URL += "?a=b"; return r }(), nil},
		{"htu is not the request's URL", ok(header(), claims().with("htu", `"https://www.example.no/"`)), dpop.ErrProofURL},
		{"iat one hour in the future", ok(header(), iat(time.Hour)), dpop.ErrProofTime},
		{"iat one hour in the past", ok(header(), iat(-time.Hour)), dpop.ErrProofTime},
		{"iat 10 seconds in the future", ok(header(), iat(10*time.Second)), nil},
		{"iat 10 seconds in the past", ok(header(), iat(-10*time.Second)), nil},
		{"nbf now and exp in five minutes", ok(header(), claims().with("nbf", strconv.FormatInt(time.Now().Unix(), 10)).with("exp", strconv.FormatInt(time.Now().Add(5*time.Minute).Unix(), 10))), nil},
		{"first use of a jti", ok(header(), same), nil},
		{"second use of the jti", ok(header(), same), dpop.ErrReplayed},
		{"wrong ath", ok(header(), claims().with("ath", `"`+hash("another token")+`"`)), dpop.ErrProofToken},
		{"signed with a different key", with(byOther), dpop.ErrProofBinding},
		{"extra members in header and claims", ok(header().with("extra", `{"a":[null,1.5,true]}`), claims().with("extra", `{"a":[null,1.5,true]}`)), nil},
		{"htu in upper case scheme and host", ok(header(), claims().with("htu", `"HTTPS://API.EXAMPLE.NO/patients"`)), nil},
		{"htu with the default port", ok(header(), claims().with("htu", `"https://api.example.no:443/patients"`)), nil},
		{"no proof", with(), dpop.ErrProofMissing},
		{"a correct proof after all that", ok(header(), claims()), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := verifier.Verify(t.Context(), c.request)
			if c.rule == nil {
				require.NoError(t, err)
				return
			}
			refusedBy(t, err, c.rule, c.request)
		})
	}
}
