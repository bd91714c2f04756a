// Forwardauth decides for a proxy whether a request may reach an API that knows
// nothing of tokens. nginx's auth_request, Traefik's ForwardAuth and Caddy's
// forward_auth ask it about each request:
//
//	forwardauth -issuer https://sts.example.no -audience nhn:patients \
//	    -url https://api.example.no -proxy 127.0.0.1/32
//
// Instances of it share DATABASE_URL and NONCE_SECRETS, as those of examples/api do.
//
// It answers with 200 and X-Client-Id, X-Subject and X-Scope for the proxy to pass
// on in place of what its client says of itself, or with the status and the
// challenges for the client; testdata has an nginx.conf and a Caddyfile. Only the
// proxy says which request it is about.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
)

// gate is what stands before the API.
type gate struct {
	guard     *dpop.Middleware
	proxy     netip.Prefix // whose word counts
	forwarded bool         // it sends X-Forwarded-Method and -Uri; else X-Original-Method and -URI
	scopes    []string
}

type config struct {
	issuer, audience, scopes, url, proxy, listen string
	plain, forwarded                             bool
}

func main() {
	var c config
	flag.StringVar(&c.issuer, "issuer", "", "issuer of the access tokens")
	flag.StringVar(&c.audience, "audience", "", "audience of the API in the tokens")
	flag.StringVar(&c.url, "url", "", "URL at which clients reach the API")
	flag.StringVar(&c.scopes, "scope", "", "scopes that a token must have, separated by spaces")
	flag.BoolVar(&c.plain, "plain-type", false, "accept tokens whose typ is JWT, such as Keycloak's")
	flag.StringVar(&c.proxy, "proxy", "127.0.0.1/32", "addresses that may ask")
	flag.BoolVar(&c.forwarded, "x-forwarded", false, "the proxy sends X-Forwarded-Method and X-Forwarded-Uri, as Traefik and Caddy do")
	flag.StringVar(&c.listen, "listen", "localhost:8082", "address to serve on")
	flag.CommandLine.SetOutput(io.Discard) // what it says of a slip repeats what was typed, and that may be a key
	flag.Usage = func() { flag.CommandLine.SetOutput(os.Stderr); flag.PrintDefaults() }
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	slog.Error("forwardauth failed", "error", c.serve(context.Background()))
	os.Exit(1)
}

func (c config) serve(ctx context.Context) error {
	g, err := c.gate(ctx)
	if err != nil {
		return err
	}
	listener, err := listen(c.listen)
	if err != nil {
		return err
	}
	slog.Info("serving", "address", listener.Addr().String())
	return (&http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}).Serve(listener)
}

// listen leaves what was typed out of its error, for that may be a key.
func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if e := (*os.SyscallError)(nil); errors.As(err, &e) {
		return nil, fmt.Errorf("-listen: %w", e)
	}
	if err != nil {
		return nil, errors.New("-listen is no address like localhost:8082")
	}
	return listener, nil
}

func (c config) gate(ctx context.Context) (*gate, error) {
	prefix, err := netip.ParsePrefix(c.proxy)
	if err != nil {
		return nil, errors.New("-proxy is no range of addresses like 127.0.0.1/32") // its own error repeats it
	}
	verifier, err := proofs(ctx)
	if err != nil {
		return nil, err
	}
	guard := &dpop.Middleware{
		Tokens:  &access.Verifier{Issuer: c.issuer, Audiences: []string{c.audience}, PlainType: c.plain},
		Proofs:  verifier,
		BaseURL: c.url,
		OnError: func(_ context.Context, err error) {
			slog.Info("refused", "error", err) // holds no token and no proof
		},
	}
	return &gate{guard, prefix, c.forwarded, strings.Fields(c.scopes)}, guard.Validate()
}

// ServeHTTP answers the proxy.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !g.proxy.Contains(peer.Addr().Unmap()) {
		http.Error(w, "only the proxy may ask", http.StatusForbidden)
		return
	}
	method, uri := g.original(r.Header)
	if method == "" || !strings.HasPrefix(uri, "/") {
		http.Error(w, "the proxy does not say what it asks about", http.StatusBadRequest)
		return
	}
	verdict := g.guard.Check(r.Context(), r.Header.Values("Authorization"), dpop.Call{
		Method: method,
		URL:    strings.TrimSuffix(g.guard.BaseURL, "/") + uri,
		Proofs: r.Header.Values("DPoP"),
		Scopes: g.scopes,
	})
	for name, values := range verdict.Header {
		w.Header()[name] = values
	}
	if verdict.Err == nil {
		w.Header().Set("X-Client-Id", verdict.Token.ClientID)
		w.Header().Set("X-Subject", verdict.Token.Subject)
		w.Header().Set("X-Scope", strings.Join(verdict.Token.Scopes, " "))
	}
	w.WriteHeader(verdict.Status)
}

// original returns the method and the request target that the proxy asks about.
// Headers of the other kind are ignored: the proxy passes on what its client sent.
func (g *gate) original(h http.Header) (method, uri string) {
	names := [2]string{"X-Original-Method", "X-Original-Uri"}
	if g.forwarded {
		names = [2]string{"X-Forwarded-Method", "X-Forwarded-Uri"}
	}
	methods, uris := h.Values(names[0]), h.Values(names[1])
	if len(methods) != 1 || len(uris) != 1 {
		return "", ""
	}
	return methods[0], uris[0]
}
