package dpop_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// How does a client call an API with DPoP-bound tokens?
func ExampleTransport() {
	key, err := keys.ReadFile("client_private.json")
	if err != nil {
		return
	}
	prover := &dpop.Prover{}
	tokens := &assertion.TokenSource{
		Endpoint: "https://sts.example.no/connect/token",
		Auth:     &assertion.Signer{ClientID: "my-client", Audience: "https://sts.example.no", Key: key},
		Prover:   prover,
	}
	api := &http.Client{Transport: &dpop.Transport{Tokens: tokens, Prover: prover}}
	resp, err := api.Get("https://api.example.no/patients")
	if err != nil {
		return
	}
	resp.Body.Close()
}

// How does a program on golang.org/x/oauth2 get and use DPoP-bound tokens, here
// with private_key_jwt? Each flow goes so: code, refresh, device and the others.
func ExampleProver_Bind_oauth2() {
	key, err := keys.ReadFile("client_private.json")
	if err != nil {
		return
	}
	proofKey, err := keys.Generate(keys.ES256) // for as long as one of its tokens lives
	if err != nil {
		return
	}
	config := clientcredentials.Config{
		ClientID:  "my-client", // and no ClientSecret
		TokenURL:  "https://sts.example.no/token",
		AuthStyle: oauth2.AuthStyleInParams,
	}
	client := &http.Client{Transport: &assertion.Transport{
		Auth:     &assertion.Signer{ClientID: config.ClientID, Audience: "https://sts.example.no", Key: key},
		Endpoint: config.TokenURL,
		Base:     new(dpop.Prover).Bind(nil, proofKey), // inside: each attempt has an assertion and a proof of its own
	}}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, client)
	resp, err := config.Client(ctx).Get("https://api.example.no/patients")
	if err != nil {
		return
	}
	resp.Body.Close()
}

// How is a single proof made?
func ExampleSign() {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		return
	}
	req, err := http.NewRequest(http.MethodGet, "https://api.example.no/patients?id=1", nil)
	if err != nil {
		return
	}
	token := "the access token"
	proof, err := dpop.Sign(req.Context(), key, dpop.Proof{Method: req.Method, URL: req.URL.String(), AccessToken: keys.NewSecret(token)})
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "DPoP "+token)
	req.Header.Set("DPoP", proof)
}

// Which rule did a request break?
func ExampleError() {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		return
	}
	client := &http.Client{Transport: new(dpop.Prover).Bind(nil, key)}
	_, err = client.Get("http://api.example.no/patients")
	fmt.Println(errors.Is(err, dpop.ErrInsecure))
	// Output: true
}

// How does a server that is not on net/http check a request? By plain values;
// between Check and Consume it makes its own checks, so that a request which it
// does not take spends no proof.
func ExampleVerifier() {
	verifier := &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{}}
	if err := verifier.Validate(); err != nil {
		panic(err)
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
