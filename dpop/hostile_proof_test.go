package dpop_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProofHeaderFields(t *testing.T) {
	one, two := forge(goodHeader().String(), goodClaims().String()), forge(goodHeader().String(), goodClaims().String())
	for name, c := range map[string]struct {
		proofs []string
		rule   error
	}{
		"none":                  {nil, dpop.ErrProofMissing},
		"empty":                 {[]string{""}, dpop.ErrProofMissing},
		"two":                   {[]string{one, two}, dpop.ErrProofMany},
		"the same twice":        {[]string{one, one}, dpop.ErrProofMany},
		"one and an empty one":  {[]string{one, ""}, dpop.ErrProofMany},
		"joined by a comma":     {[]string{one + "," + two}, dpop.ErrProofMany},
		"joined with a space":   {[]string{one + ", " + two}, dpop.ErrProofMany},
		"with an empty member":  {[]string{one + ","}, dpop.ErrProofMany},
		"over 8 KiB":            {[]string{one + strings.Repeat("A", 8<<10)}, dpop.ErrProofTooLarge},
		"with a scheme":         {[]string{"DPoP " + one}, dpop.ErrProofMalformed},
		"quoted":                {[]string{`"` + one + `"`}, dpop.ErrProofMalformed},
		"an access token":       {[]string{forgedToken}, dpop.ErrProofMalformed},
		"another kind of token": {[]string{forge(goodHeader().with("typ", `"at+jwt"`).String(), goodClaims().String())}, dpop.ErrProofType},
	} {
		t.Run(name, func(t *testing.T) { refuses(t, c.rule, with(c.proofs...)) })
	}
}

// Both URLs are normalized, but differences that may matter to a server count.
func TestProofMethodAndURL(t *testing.T) {
	for _, method := range []string{"get", "Get", "POST", "GET ", "G\u0045T\u0000"} {
		rule := dpop.ErrProofMethod
		if strings.Contains(method, "\x00") {
			rule = dpop.ErrProofMalformed
		}
		refuses(t, rule, with(forge(goodHeader().String(), goodClaims().with("htm", strconv.Quote(method)).String())))
	}
	const base = "https://api.example.no"
	for name, c := range map[string]struct {
		htu, url string
		same     bool
	}{
		"query in the claim":     {base + "/p?a", base + "/p", true},
		"fragment in the claim":  {base + "/p#a", base + "/p", true},
		"another query":          {base + "/p?a", base + "/p?b", true},
		"scheme case":            {"HTTPS://api.example.no/p", base + "/p", true},
		"host case":              {"https://API.example.NO/p", base + "/p", true},
		"default port":           {base + ":443/p", base + "/p", true},
		"default port, at us":    {base + "/p", base + ":443/p", true},
		"empty path":             {base, base + "/", true},
		"needless escape":        {base + "/%7Ekari", base + "/~kari", true},
		"case of an escape":      {base + "/caf%c3%a9", base + "/caf%C3%A9", true},
		"dot segments":           {base + "/a/../b", base + "/b", true},
		"IPv6":                   {"https://[2001:DB8::1]/p", "https://[2001:db8::1]/p", true},
		"path case":              {base + "/P", base + "/p", false},
		"trailing slash":         {base + "/p/", base + "/p", false},
		"doubled slash":          {base + "//p", base + "/p", false},
		"escaped slash":          {base + "/a%2Fb", base + "/a/b", false},
		"doubly escaped":         {base + "/%257Ekari", base + "/~kari", false},
		"another scheme":         {"http://api.example.no/p", base + "/p", false},
		"another port":           {base + ":8443/p", base + "/p", false},
		"http's port":            {base + ":80/p", base + "/p", false},
		"another host":           {"https://api.example.no.evil.example/p", base + "/p", false},
		"user info":              {"https://api.example.no@evil.example/p", base + "/p", false},
		"our host as user":       {"https://evil@api.example.no/p", base + "/p", false},
		"path only":              {"/p", base + "/p", false},
		"without a scheme":       {"//api.example.no/p", base + "/p", false},
		"relative":               {"p", base + "/p", false},
		"opaque":                 {"https:api.example.no/p", base + "/p", false},
		"another kind of URL":    {"urn:api:p", base + "/p", false},
		"trailing dot":           {"https://api.example.no./p", base + "/p", false},
		"IDN in Unicode":         {"https://\u212appi.example.no/p", "https://kppi.example.no/p", false},
		"IPv6 zone":              {"https://[fe80::1%25eth0]/p", "https://[fe80::1]/p", false},
		"backslash":              {`https:\\api.example.no\p`, base + "/p", false},
		"space":                  {base + "/p ", base + "/p", false},
		"line end":               {base + "/p\n", base + "/p", false},
		"broken escape":          {base + "/%zz", base + "/%zz", false},
		"our URL is not given":   {base + "/p", "", false},
		"our URL is relative":    {"/p", "/p", false},
		"neither side is a URL":  {"x", "x", false},
		"dots that climb higher": {base + "/../../p", base + "/p", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := with(forge(goodHeader().String(), goodClaims().with("htu", strings.ReplaceAll(strconv.Quote(c.htu), `\x00`, ``)).String()))
			r.URL = c.url
			if c.same {
				takes(t, r)
				return
			}
			refuses(t, dpop.ErrProofURL, r)
		})
	}
}

// The error says which part of the URL differs, and repeats nothing of the proof's.
func TestURLErrorNamesThePart(t *testing.T) {
	const base = "http://api.example.no"
	for claim, part := range map[string]string{
		"https://api.example.no/p":    "another scheme (http here): see BaseURL and TrustedProxies",
		"http://evil.example/p":       "another host or port",
		"http://api.example.no:81/p":  "another host or port",
		"http://api.example.no/p/":    "another path",
		"http://evil@api.example.no/": "it is not an absolute http or https URL in ASCII, without user info",
	} {
		r := with(forge(goodHeader().String(), goodClaims().with("htu", strconv.Quote(claim)).String()))
		r.URL = base + "/p"
		_, err := (&dpop.Verifier{Replay: &dpop.Memory{}}).Verify(t.Context(), r)
		require.EqualError(t, err, "dpop: proof refused: htu is not the request's URL: "+part, claim)
		refusedBy(t, err, dpop.ErrProofURL, r)
	}
	for request, part := range map[string]string{"https://api.example.no/p": "another scheme (https here)", "/p": "no proof can name the URL of the request"} {
		r := with(forge(goodHeader().String(), goodClaims().with("htu", `"http://api.example.no/p"`).String()))
		r.URL = request
		_, err := (&dpop.Verifier{Replay: &dpop.Memory{}}).Verify(t.Context(), r)
		require.EqualError(t, err, "dpop: proof refused: htu is not the request's URL: "+part, request)
	}
}

func TestProofOfAnotherTokenOrKey(t *testing.T) {
	proof := func(ath string) string { return forge(goodHeader().String(), goodClaims().with("ath", ath).String()) }
	good := `"` + hash(forgedToken) + `"`
	for name, c := range map[string]struct {
		ath    string
		change func(*dpop.Request)
		rule   error
	}{
		"no ath":                     {"", func(*dpop.Request) {}, dpop.ErrProofToken},
		"empty ath":                  {`""`, func(*dpop.Request) {}, dpop.ErrProofToken},
		"ath of another token":       {`"` + hash("x") + `"`, func(*dpop.Request) {}, dpop.ErrProofToken},
		"padded ath":                 {`"` + hash(forgedToken) + `="`, func(*dpop.Request) {}, dpop.ErrProofToken},
		"the token itself":           {`"` + forgedToken + `"`, func(*dpop.Request) {}, dpop.ErrProofToken},
		"token in another case":      {good, func(r *dpop.Request) { r.Token = keys.NewSecret(strings.ToUpper(forgedToken)) }, dpop.ErrProofToken},
		"bound to another key":       {good, func(r *dpop.Request) { r.JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }, dpop.ErrProofBinding},
		"thumbprint in another case": {good, func(r *dpop.Request) { r.JKT = strings.ToLower(r.JKT) }, dpop.ErrProofBinding},
		"thumbprint with padding":    {good, func(r *dpop.Request) { r.JKT += "=" }, dpop.ErrProofBinding},
		"thumbprint cut short":       {good, func(r *dpop.Request) { r.JKT = r.JKT[:42] }, dpop.ErrProofBinding},
		"token that is not bound":    {good, func(r *dpop.Request) { r.JKT = "" }, dpop.ErrProofBinding},
	} {
		t.Run(name, func(t *testing.T) {
			r := with(proof(c.ath))
			c.change(&r)
			refuses(t, c.rule, r)
		})
	}
	t.Run("any key, if the caller says so", func(t *testing.T) {
		r := with(proof(good))
		r.JKT, r.AnyKey = "", true
		takes(t, r)
		r.JKT = "another"
		refuses(t, dpop.ErrProofBinding, r)
	})
	t.Run("at a token endpoint", func(t *testing.T) {
		r := with(proof(""))
		r.Token, r.JKT = keys.Secret{}, ""
		takes(t, r)
		r.JKT = "of the authorization code"
		refuses(t, dpop.ErrProofBinding, r)
	})
}

// The clock of the bubble is at the start of a second.
func TestProofTimeLimits(t *testing.T) {
	for name, c := range map[string]struct {
		age   time.Duration
		taken bool
	}{
		"now":                             {0, true},
		"a second old":                    {time.Second, true},
		"as old as may be":                {70*time.Second - time.Nanosecond, true},
		"a nanosecond older":              {70 * time.Second, false},
		"a second older":                  {71 * time.Second, false},
		"as far in the future as may be":  {-10 * time.Second, true},
		"a nanosecond farther":            {-10*time.Second - time.Nanosecond, false},
		"a second farther":                {-11 * time.Second, false},
		"an hour old":                     {time.Hour, false},
		"an hour in the future":           {-time.Hour, false},
		"of 1970":                         {time.Duration(1<<63 - 1), false},
		"half a second less than the end": {69*time.Second + 500*time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				iat := time.Now().Add(time.Hour)
				claims := goodClaims().with("iat", strconv.FormatInt(iat.Unix(), 10))
				if c.age == time.Duration(1<<63-1) {
					claims = claims.with("iat", "0")
				} else {
					time.Sleep(time.Hour + c.age)
				}
				r := with(forge(goodHeader().String(), claims.String()))
				v := &dpop.Verifier{Replay: &dpop.Memory{}}
				_, err := v.Verify(t.Context(), r)
				if c.taken {
					require.NoError(t, err)
					return
				}
				refusedBy(t, err, dpop.ErrProofTime, r)
				var refused *dpop.ProofError
				require.True(t, errors.As(err, &refused))
				if claims["iat"] != "0" {
					assert.Equal(t, -c.age, refused.Skew)
					assert.Contains(t, err.Error(), strconv.FormatFloat(c.age.Abs().Seconds(), 'f', 0, 64)+" s")
				}
			})
		})
	}
}

func TestProofWithDatesOfAToken(t *testing.T) {
	at := func(off time.Duration) string { return strconv.FormatInt(time.Now().Add(off).Unix(), 10) }
	refuses(t, dpop.ErrProofTime, with(forge(goodHeader().String(), goodClaims().with("exp", at(-time.Minute)).String())))
	refuses(t, dpop.ErrProofTime, with(forge(goodHeader().String(), goodClaims().with("nbf", at(time.Minute)).String())))
	takes(t, with(forge(goodHeader().String(), goodClaims().with("nbf", at(0)).with("exp", at(time.Second)).String())))
}

// failing is a replay cache that fails.
type failing struct{ err error }

func (f failing) Insert(context.Context, dpop.Entry) error { return f.err }

// Requests are refused, and the error wraps that of the store without printing it.
func TestReplayCacheFailure(t *testing.T) {
	down := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("password=hunter2")}
	for _, c := range []struct{ says, rule error }{
		{down, dpop.ErrReplayStore},
		{context.DeadlineExceeded, dpop.ErrReplayStore},
		{dpop.ErrReplayFull, dpop.ErrReplayFull},
		{dpop.ErrReplayKeyFull, dpop.ErrReplayKeyFull},
		{errors.Join(down, dpop.ErrReplayed), dpop.ErrReplayed},
		{dpop.ErrProofTime, dpop.ErrProofTime},
	} {
		v := &dpop.Verifier{Replay: failing{c.says}}
		checked, err := v.Verify(t.Context(), with(forge(goodHeader().String(), goodClaims().String())))
		require.ErrorIs(t, err, c.rule)
		assert.Nil(t, checked)
		assert.NotContains(t, err.Error(), "hunter2")
		if c.rule == dpop.ErrReplayStore {
			require.ErrorIs(t, err, c.says)
			var ours *dpop.Error
			require.True(t, errors.As(err, &ours))
		}
	}
}

func TestOneProofFromManyGoroutines(t *testing.T) {
	v := &dpop.Verifier{Replay: &dpop.Memory{}}
	r := with(forge(goodHeader().String(), goodClaims().String()))
	var passed, replayed atomic.Int32
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			switch _, err := v.Verify(t.Context(), r); {
			case err == nil:
				passed.Add(1)
			case errors.Is(err, dpop.ErrReplayed):
				replayed.Add(1)
			}
		})
	}
	all.Wait()
	assert.Equal(t, []int32{1, 99}, []int32{passed.Load(), replayed.Load()})
}

// A "jti" is consumed for its key, whatever else the second proof holds.
func TestReplayInADifferentProof(t *testing.T) {
	v := &dpop.Verifier{Replay: &dpop.Memory{}}
	claims := goodClaims()
	_, err := v.Verify(t.Context(), with(forge(goodHeader().String(), claims.String())))
	require.NoError(t, err)
	for name, again := range map[string]part{
		"signed once more":     claims,
		"htu in another case":  claims.with("htu", `"HTTPS://API.example.no:443/patients?x"`),
		"an unknown claim":     claims.with("x", "1"),
		"jti with an escape":   claims.with("jti", strings.Replace(claims["jti"], claims["jti"][1:2], `\u00`+strconv.FormatInt(int64(claims["jti"][1]), 16), 1)),
		"iat a second earlier": claims.with("iat", strconv.FormatInt(time.Now().Unix()-1, 10)),
	} {
		_, err := v.Verify(t.Context(), with(forge(goodHeader().String(), again.String())))
		require.ErrorIs(t, err, dpop.ErrReplayed, name)
	}
	other, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	mine := `{"jti":` + claims["jti"] + claims.with("jti", "").String()[len(`{`):]
	mine = strings.Replace(mine, claims["jti"], claims["jti"]+",", 1)
	proof, err := other.Sign(t.Context(), keys.Header{Type: "dpop+jwt", EmbedJWK: true}, []byte(mine))
	require.NoError(t, err)
	r := with(proof)
	r.JKT = other.Thumbprint()
	_, err = v.Verify(t.Context(), r)
	require.NoError(t, err, "the same jti by another key")
}
