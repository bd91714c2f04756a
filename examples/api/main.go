// Api is an API that is protected by DPoP (RFC 9449). It answers with what the
// access token says of its caller.
//
//	api -issuer https://sts.example.no -audience nhn:patients -scope nhn:patients/read \
//	    -url https://api.example.no
//
// Tokens are JWTs (RFC 9068). With -client and -key the API asks the issuer about
// each token instead (RFC 7662), as a client that may introspect. Processes that
// serve the same URL share the PostgreSQL at DATABASE_URL, where a proof that one
// of them has seen is spent for all, and NONCE_SECRETS, the newest first, without
// which each would refuse the nonces of the others.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/nokkel/nokkel/dpop"
)

type config struct {
	issuer, audience, scopes, url, listen, client, key string
	plain                                              bool
}

func main() {
	var c config
	flag.StringVar(&c.issuer, "issuer", "", "issuer of the access tokens")
	flag.StringVar(&c.audience, "audience", "", "audience of this API in the tokens")
	flag.StringVar(&c.scopes, "scope", "", "scopes that a token must have, separated by spaces")
	flag.StringVar(&c.url, "url", "", "URL at which clients reach the API (default: the address it listens on)")
	flag.StringVar(&c.listen, "listen", "localhost:8081", "address to serve on")
	flag.BoolVar(&c.plain, "plain-type", false, "accept tokens whose typ is JWT, such as Keycloak's")
	flag.StringVar(&c.client, "client", "", "client id for introspection")
	flag.StringVar(&c.key, "key", "", "file of that client's private key")
	flag.CommandLine.SetOutput(io.Discard) // what it says of a slip repeats what was typed, and that may be a key
	flag.Usage = func() { flag.CommandLine.SetOutput(os.Stderr); flag.PrintDefaults() }
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	log.Error("api failed", "error", c.serve(context.Background(), log))
	os.Exit(1)
}

func (c config) serve(ctx context.Context, log *slog.Logger) error {
	tokens, err := c.tokens(ctx)
	if err != nil {
		return err
	}
	verifier, err := proofs(ctx)
	if err != nil {
		return err
	}
	listener, err := listen(c.listen)
	if err != nil {
		return err
	}
	guard := &dpop.Middleware{
		Tokens:  tokens,
		Proofs:  verifier,
		BaseURL: cmp.Or(c.url, "http://"+listener.Addr().String()),
		OnError: func(_ context.Context, err error) { log.Info("refused", "error", err) }, // holds no token and no proof
	}
	if err := guard.Validate(); err != nil {
		return err
	}
	server := &http.Server{Handler: guard.Handler(http.HandlerFunc(whoami), strings.Fields(c.scopes)...), ReadHeaderTimeout: 10 * time.Second}
	log.Info("serving", "address", listener.Addr().String())
	return server.Serve(listener)
}

// listen leaves what was typed out of its error, for that may be a key.
func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if e := (*os.SyscallError)(nil); errors.As(err, &e) {
		return nil, fmt.Errorf("-listen: %w", e)
	}
	if err != nil {
		return nil, errors.New("-listen is no address like localhost:8081")
	}
	return listener, nil
}

// whoami is the API.
func whoami(w http.ResponseWriter, r *http.Request) {
	token := dpop.TokenFrom(r.Context())
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"client": token.ClientID, "subject": token.Subject, "scopes": token.Scopes})
}
