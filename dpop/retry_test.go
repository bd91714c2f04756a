package dpop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRepeatedChallengeIsAnsweredOnce(t *testing.T) {
	for name, ask := range map[string]func(http.ResponseWriter, string){"token endpoint": askAsToken, "API": askAsAPI} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, false, func(w http.ResponseWriter, n int, _ attempt) { ask(w, fmt.Sprint("n", n)) })
			rt := new(dpop.Prover).Bind(nil, testKey())
			status, _ := get(t, rt, s.URL)
			assert.Contains(t, []int{400, 401}, status, "the challenge itself, when a retry did not help")
			assert.Equal(t, []string{"", "n0"}, s.nonces())
			get(t, rt, s.URL)
			assert.Equal(t, []string{"", "n0", "n1", "n2"}, s.nonces(), "the retried answer's nonce counts too")
		})
	}
}

func TestChallengeThatCannotBeAnswered(t *testing.T) {
	for name, nonces := range map[string][]string{
		"no nonce header":    nil,
		"illegal characters": {`a"b`},
		"over 1 KiB":         {strings.Repeat("n", 1025)},
		"a megabyte":         {strings.Repeat("n", 1<<20)},
		"two nonces":         {"a", "b"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, false, func(w http.ResponseWriter, _ int, _ attempt) {
				w.Header()["Dpop-Nonce"] = nonces
				w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
				w.WriteHeader(http.StatusUnauthorized)
			})
			// net/http's own limit on headers allows the megabyte.
			rt := &dpop.Transport{Tokens: fixedToken("t"), Base: &http.Transport{}}
			status, _ := get(t, rt, s.URL)
			assert.Equal(t, 401, status)
			get(t, rt, s.URL)
			assert.Equal(t, []string{"", ""}, s.nonces())
		})
	}
}

func TestHugeHeadersEndAtTheDefaultBase(t *testing.T) {
	s := newServer(t, false, func(w http.ResponseWriter, _ int, _ attempt) {
		w.Header().Set("DPoP-Nonce", strings.Repeat("n", 1<<20))
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	require.NoError(t, err)
	_, err = new(dpop.Prover).Bind(nil, testKey()).RoundTrip(req)
	require.ErrorContains(t, err, "headers exceeded")
}

func TestTwoChallengesInOneHeader(t *testing.T) {
	s := newServer(t, false, func(w http.ResponseWriter, n int, _ attempt) {
		if n == 0 {
			w.Header().Set("DPoP-Nonce", "n")
			w.Header().Set("WWW-Authenticate", `Bearer realm="a, b", error="invalid_token", DPoP algs="ES256", error="use_dpop_nonce"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	status, _ := get(t, &dpop.Transport{Tokens: fixedToken("t")}, s.URL)
	assert.Equal(t, 200, status)
	assert.Equal(t, []string{"", "n"}, s.nonces())
}

func TestRetryAfterAStaleNonce(t *testing.T) {
	s := newServer(t, false, func(w http.ResponseWriter, n int, a attempt) {
		switch n {
		case 0:
			w.Header().Set("DPoP-Nonce", "old")
		case 1:
			askAsAPI(w, "new")
		}
	})
	rt := &dpop.Transport{Tokens: fixedToken("t")}
	for range 3 {
		status, _ := get(t, rt, s.URL)
		assert.Equal(t, 200, status)
	}
	assert.Equal(t, []string{"", "old", "new", "new"}, s.nonces())
}

func TestNonceIsLearnedFromEveryResponse(t *testing.T) {
	statuses := []int{200, 204, 302, 400, 401, 403, 404, 429, 500, 503, 200}
	s := newServer(t, false, func(w http.ResponseWriter, n int, _ attempt) {
		w.Header().Set("DPoP-Nonce", fmt.Sprint("n", n))
		w.WriteHeader(statuses[n])
	})
	rt := &dpop.Transport{Tokens: fixedToken("t")}
	for range statuses {
		get(t, rt, s.URL)
	}
	assert.Equal(t, []string{"", "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"}, s.nonces())
}

func TestNoncesArePerOrigin(t *testing.T) {
	s := newServer(t, false, func(w http.ResponseWriter, _ int, a attempt) {
		w.Header().Set("DPoP-Nonce", map[bool]string{true: "token", false: "api"}[a.Authorization == ""])
	})
	p := &dpop.Prover{}
	api := &dpop.Transport{Tokens: fixedToken("t"), Prover: p}
	for range 2 {
		get(t, p.Bind(nil, testKey()), s.URL)
		get(t, api, s.URL)
	}
	assert.Equal(t, []string{"", "", "token", "api"}, s.nonces())
}

func TestChallengeResponses(t *testing.T) {
	for name, c := range map[string]struct {
		status    int
		challenge string
		body      string
		retried   bool
	}{
		"token endpoint": {400, "", `{"error":"use_dpop_nonce"}`, true},
		"API":            {401, `DPoP error="use_dpop_nonce"`, "", true},
		"token endpoint with the API's status (quarkus)": {401, "", `{"error":"use_dpop_nonce"}`, true},
		"API with the token endpoint's status (quarkus)": {400, `DPoP error="use_dpop_nonce"`, "no JSON", true},
		"ordinary 401 that carries a nonce":              {401, `DPoP realm="api", algs="ES256"`, "", false},
		"401 without a challenge":                        {401, "", "", false},
		"another error":                                  {401, `DPoP error="invalid_dpop_proof"`, `{"error":"invalid_dpop_proof"}`, false},
		"said in a description only":                     {400, "", `{"error":"invalid_request","error_description":"use_dpop_nonce"}`, false},
		"said in the text of another scheme":             {401, `Bearer realm="DPoP error=use_dpop_nonce", error="use_dpop_nonce"`, "", false},
		"said deeper in the JSON":                        {400, "", `{"a":{"error":"use_dpop_nonce"}}`, false},
		"not an object":                                  {400, "", `["use_dpop_nonce"]`, false},
		"error of another type":                          {400, "", `{"error":["use_dpop_nonce"]}`, false},
		"JSON that does not end":                         {400, "", `{"error":"use_dpop_nonce"`, false},
		"JSON over the limit":                            {400, "", `{"error":"use_dpop_nonce","x":"` + strings.Repeat("x", 65<<10) + `"}`, false},
		"success":                                        {200, `DPoP error="use_dpop_nonce"`, `{"error":"use_dpop_nonce"}`, false},
		"forbidden":                                      {403, `DPoP error="use_dpop_nonce"`, `{"error":"use_dpop_nonce"}`, false},
		"server error":                                   {500, `DPoP error="use_dpop_nonce"`, `{"error":"use_dpop_nonce"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, false, func(w http.ResponseWriter, n int, _ attempt) {
				w.Header().Set("DPoP-Nonce", "n")
				if n > 0 {
					io.WriteString(w, "fine")
					return
				}
				if c.challenge != "" {
					w.Header().Set("WWW-Authenticate", c.challenge)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			status, body := get(t, new(dpop.Prover).Bind(nil, testKey()), s.URL)
			if c.retried {
				assert.Equal(t, []string{"", "n"}, s.nonces())
				assert.Equal(t, 200, status)
				assert.Equal(t, "fine", body)
			} else {
				assert.Equal(t, []string{""}, s.nonces())
				assert.Equal(t, c.status, status)
				assert.Equal(t, c.body, body, "looking into an answer leaves it whole")
			}
		})
	}
}

func TestTruncatedResponseIsPassedOn(t *testing.T) {
	broken := errors.New("connection lost")
	base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: 400, Header: http.Header{"Dpop-Nonce": {"n"}},
			Body: io.NopCloser(io.MultiReader(strings.NewReader(`{"error":`), &errorReader{broken})),
		}, nil
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://a.example/", nil)
	require.NoError(t, err)
	resp, err := new(dpop.Prover).Bind(base, testKey()).RoundTrip(req)
	require.NoError(t, err)
	b, err := io.ReadAll(resp.Body)
	assert.Equal(t, `{"error":`, string(b))
	assert.ErrorIs(t, err, broken)
}

// The server refuses a repeated "jti" of a proof. Those of assertions are compared
// here.
func TestRetryHasNewProofAndNewAssertion(t *testing.T) {
	s := newServer(t, false, func(w http.ResponseWriter, n int, _ attempt) {
		if n == 0 {
			askAsToken(w, "n")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"access_token": "t", "token_type": "DPoP", "expires_in": 60})
	})
	source := &assertion.TokenSource{
		Endpoint: s.URL,
		Auth:     &assertion.Signer{ClientID: "c", Audience: "https://sts.example.no", Key: testKey()},
		Prover:   &dpop.Prover{},
	}
	_, err := source.Token(t.Context())
	require.NoError(t, err)
	seen := s.seen()
	require.Len(t, seen, 2)
	assert.NotEqual(t, seen[0].JTI, seen[1].JTI)
	var jtis []string
	for _, a := range seen {
		o, err := openAssertion(a.Body)
		require.NoError(t, err)
		jtis = append(jtis, o)
	}
	assert.NotEmpty(t, jtis[0])
	assert.NotEqual(t, jtis[0], jtis[1])
}

// One retry is enough for each request, since no other request uses the nonce of its
// challenge.
func TestConcurrentRequestsWithSingleUseNonces(t *testing.T) {
	var mu sync.Mutex
	issued, used := 0, map[string]bool{}
	s := newServer(t, false, func(w http.ResponseWriter, _ int, a attempt) {
		mu.Lock()
		defer mu.Unlock()
		if a.Nonce != "" && !used[a.Nonce] { // nonces are single-use
			used[a.Nonce] = true
			return
		}
		issued++
		askAsAPI(w, fmt.Sprint("n", issued))
	})
	p := &dpop.Prover{}
	var wg sync.WaitGroup
	failed := make(chan int, 100)
	for range 10 {
		wg.Go(func() {
			rt := &dpop.Transport{Tokens: fixedToken("t"), Prover: p}
			for range 10 {
				req, _ := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, s.URL, strings.NewReader("body"))
				resp, err := rt.RoundTrip(req)
				if err != nil {
					failed <- 0
					continue
				}
				resp.Body.Close()
				if resp.StatusCode != 200 {
					failed <- resp.StatusCode
				}
			}
		})
	}
	wg.Wait()
	assert.Empty(t, failed)
	for _, a := range s.seen() {
		require.Equal(t, "body", a.Body)
	}
}

func TestPlacesAreBounded(t *testing.T) {
	nonces := map[string][]string{}
	base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		o, err := open(r.Header.Get("DPoP"))
		nonces[r.URL.Host] = append(nonces[r.URL.Host], o.Nonce)
		return &http.Response{StatusCode: 200, Header: http.Header{"Dpop-Nonce": {"n"}}, Body: http.NoBody}, err
	})
	rt := new(dpop.Prover).Bind(base, testKey())
	get(t, rt, "https://first.example/")
	get(t, rt, "https://second.example/")
	for i := range 255 {
		get(t, rt, fmt.Sprintf("https://h%d.example/", i))
		get(t, rt, "https://first.example/") // stays in use
	}
	get(t, rt, "https://second.example/")
	assert.Equal(t, []string{"", ""}, nonces["second.example"], "the one unused for longest is forgotten")
	assert.NotContains(t, nonces["first.example"][1:], "")
}
