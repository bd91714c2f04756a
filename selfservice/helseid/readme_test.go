package helseid_test

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/helseid"
)

// The functions below hold the README's programs, so that they compile.
var _ = []any{getToken, registerKey, rotateKey, protect}

func TestREADMECompiles(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("readme_test.go")
	require.NoError(t, err)
	programs := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.Len(t, programs, 4)
	for _, p := range programs {
		indented := "\t" + strings.ReplaceAll(strings.TrimSpace(p[1]), "\n", "\n\t")
		indented = strings.ReplaceAll(indented, "\n\t\n", "\n\n")
		assert.Contains(t, string(source), indented, "a program in README.md is not the one that is compiled")
	}
}

func getToken(id string, scopes []string) error {
	key, err := keys.ReadFile("client_private.json") // JWK or PEM; keys.Generate makes one
	if err != nil {
		return err
	}
	tokens := &assertion.TokenSource{
		Endpoint: "https://sts.example.no/connect/token",
		Auth:     &assertion.Signer{ClientID: id, Audience: "https://sts.example.no", Key: key},
		Scopes:   scopes,
		Prover:   &dpop.Prover{},
	}
	api := &http.Client{Transport: &dpop.Transport{Tokens: tokens}}
	resp, err := api.Get("https://api.example.no/patients")
	return closed(resp, err)
}

func registerKey(ctx context.Context, id string, key *keys.Key) error {
	client := &helseid.Client{Environment: helseid.Production, ClientID: id}
	next, err := keys.GenerateFile("next_private.json", keys.ES256) // saved before HelseID hears of it
	if err != nil {
		return err
	}
	expires, err := client.UpdateClientSecret(ctx, key, next.PublicKey())
	_ = expires
	return err
}

func rotateKey(ctx context.Context, id string, scopes []string, key *keys.Key) error {
	client := &helseid.Client{Environment: helseid.Production, ClientID: id, Scopes: scopes}
	rotator := &selfservice.Rotator{Provider: client, Store: filestore.Dir("/var/lib/app/key"), Logger: slog.Default()}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil { // once; then the store knows better
		return err
	}
	if err := rotator.Check(ctx); err != nil {
		slog.Warn("no rotation would succeed", "error", err) // a scope is missing, say
	}
	go rotator.Run(ctx)

	api := client.HTTPClient(rotator)
	resp, err := api.Get("https://api.example.no/patients")
	return closed(resp, err)
}

func protect(mux *http.ServeMux, patients http.Handler) error {
	guard := &dpop.Middleware{
		Tokens:  &access.Verifier{Issuer: "https://sts.example.no", Audiences: []string{"nhn:patients"}},
		Proofs:  &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{}},
		BaseURL: "https://api.example.no",
	}
	if err := guard.Validate(); err != nil {
		return err
	}
	mux.Handle("GET /patients", guard.Handler(patients, "nhn:patients/read"))
	return nil
}

func closed(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
