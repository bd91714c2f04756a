package dpop_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// How do I call an API with DPoP-bound tokens?
func ExampleTransport() {
	as, api, _ := exampleServers()
	defer as.Close()
	defer api.Close()
	key, err := keys.Generate(keys.ES256) // or keys.ReadFile
	if err != nil {
		log.Fatal(err)
	}
	prover := &dpop.Prover{}
	tokens := &assertion.TokenSource{
		Endpoint: as.URL,
		Auth:     &assertion.Signer{ClientID: "my-client", Audience: "https://as.example.no", Key: key},
		Prover:   prover,
	}
	client := &http.Client{Transport: &dpop.Transport{Tokens: tokens, Prover: prover}}
	resp, err := client.Get(api.URL + "/patients")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body), err)
	// Output: 200 hello my-client <nil>
}

// How do I use DPoP with golang.org/x/oauth2? Every flow works like this one:
// code, refresh, device and the others.
func ExampleProver_Bind_oauth2() {
	as, api, proofKey := exampleServers() // a key of its own, for as long as one of its tokens lives
	defer as.Close()
	defer api.Close()
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	config := clientcredentials.Config{ClientID: "my-client", TokenURL: as.URL, AuthStyle: oauth2.AuthStyleInParams}
	client := &http.Client{Transport: &assertion.Transport{
		Auth:     &assertion.Signer{ClientID: config.ClientID, Audience: "https://as.example.no", Key: key},
		Endpoint: config.TokenURL,
		Base:     new(dpop.Prover).Bind(nil, proofKey), // inside: each attempt has an assertion and a proof of its own
	}}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, client)
	resp, err := config.Client(ctx).Get(api.URL + "/patients")
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println(resp.StatusCode)
	// Output: 200
}

// How do I make a single proof, for a request that something else sends?
func ExampleSign() {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodGet, "https://api.example.no/patients?id=1", nil)
	token := keys.NewSecret("the access token")
	proof, err := dpop.Sign(req.Context(), key, dpop.Proof{Method: req.Method, URL: req.URL.String(), AccessToken: token})
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Authorization", "DPoP "+token.Reveal())
	req.Header.Set("DPoP", proof)

	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(proof, ".")[1])
	fmt.Println(strings.Contains(string(claims), `"htm":"GET","htu":"https://api.example.no/patients"`), err)
	// Output: true <nil>
}

// How do several nodes of an API take each other's nonces?
func ExampleNonces_sharedRing() {
	ring := []keys.Secret{keys.NewSecret(rand.Text() + rand.Text())} // of your configuration: all nodes have the same
	one := &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{Secrets: ring}}
	two := &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{Secrets: ring}}
	// They share the Replay too: one of package sqlreplay or redisreplay.
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	ctx, url := context.Background(), "https://api.example.no/patients"
	proof, err := dpop.Sign(ctx, key, dpop.Proof{URL: url, Nonce: one.Nonces.Nonce()})
	if err != nil {
		log.Fatal(err)
	}
	_, err = two.Check(ctx, dpop.Request{Method: "GET", URL: url, Proofs: []string{proof}})
	fmt.Println(err)
	// Output: <nil>
}

// Which rule did a request break?
func ExampleError() {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: new(dpop.Prover).Bind(nil, key)}
	_, err = client.Get("http://api.example.no/patients")
	fmt.Println(errors.Is(err, dpop.ErrInsecure))
	// Output: true
}

// How do I log why the replay cache failed? By the type of its driver's error,
// and by what surely holds no secret.
func ExampleMiddleware_onError() {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	guard := &dpop.Middleware{
		Tokens:  known{&dpop.Token{JKT: key.Thumbprint()}},
		Proofs:  &dpop.Verifier{Replay: failing{shutdown{}}}, // as a sqlreplay.Table fails
		BaseURL: "https://api.example.no",
		OnError: func(_ context.Context, err error) {
			fmt.Println(err)
			var pg interface{ SQLState() string } // *pgconn.PgError has it; a *net.OpError is looked for alike
			if errors.As(err, &pg) {
				fmt.Println("SQLSTATE", pg.SQLState())
			}
		},
	}
	ctx, url := context.Background(), guard.BaseURL+"/patients"
	proof, err := dpop.Sign(ctx, key, dpop.Proof{URL: url, AccessToken: keys.NewSecret("token")})
	if err != nil {
		log.Fatal(err)
	}
	verdict := guard.Check(ctx, []string{"DPoP token"}, dpop.Call{Method: "GET", URL: url, Proofs: []string{proof}})
	fmt.Println(verdict.Status)
	// Output:
	// dpop: the replay cache failed
	// SQLSTATE 57P01
	// 503
}

// How do I verify a proof without net/http? By plain values. Between Check and
// Consume a server makes its own checks, so that a request that it refuses
// spends no proof.
func ExampleVerifier_withoutHTTP() {
	verifier := &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{}}
	if err := verifier.Validate(); err != nil {
		log.Fatal(err)
	}
	handle := func(ctx context.Context, method, url string, proofs []string, token keys.Secret, jkt string) error {
		checked, err := verifier.Check(ctx, dpop.Request{Method: method, URL: url, Proofs: proofs, Token: token, JKT: jkt})
		if err == nil {
			err = verifier.Consume(ctx, checked)
		}
		var refused *dpop.ProofError
		if errors.As(err, &refused) {
			fmt.Println("401", refused.Code(), "and a new nonce")
		}
		return err
	}
	err := handle(context.Background(), "GET", "https://api.example.no/patients", nil, keys.NewSecret("token"), "thumbprint")
	fmt.Println(err)
	// Output:
	// 401 invalid_dpop_proof and a new nonce
	// dpop: proof refused: no proof
}

// shutdown is a PostgreSQL driver's error.
type shutdown struct{}

func (shutdown) Error() string    { return "FATAL: terminating connection (of user admin)" }
func (shutdown) SQLState() string { return "57P01" }

// exampleServers are an authorization server, an API for its tokens, and the
// key of a client that uses golang.org/x/oauth2.
func exampleServers() (as, api *httptest.Server, key *keys.Key) {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	bound := &dpop.Token{ClientID: "my-client"}
	endpoint := &dpop.Verifier{Replay: &dpop.Memory{}}
	as = httptest.NewUnstartedServer(nil)
	as.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proof, err := endpoint.Check(r.Context(), dpop.Request{Method: r.Method, URL: as.URL, Proofs: r.Header.Values("DPoP")})
		if err != nil || r.FormValue("client_assertion") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		bound.JKT = proof.JKT
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"access_token":"t","token_type":"DPoP","expires_in":600}`)
	})
	as.Start()
	api = httptest.NewUnstartedServer(nil)
	guard := &dpop.Middleware{
		Tokens:  known{bound},
		Proofs:  &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{}},
		BaseURL: "http://" + api.Listener.Addr().String(),
	}
	api.Config.Handler = guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello ", dpop.TokenFrom(r.Context()).ClientID)
	}))
	api.Start()
	return as, api, key
}
