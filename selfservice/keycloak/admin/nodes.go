package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/nokkel/nokkel/selfservice/internal/rest"
)

// toNode is a RoundTripper that leads to one node of a server.
type toNode struct {
	node string
	base http.RoundTripper
}

// RoundTrip sends a request for the server to the node.
func (n toNode) RoundTrip(r *http.Request) (*http.Response, error) {
	u, ok := rest.SafeURL(n.node)
	if !ok {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, refuse(ErrConfig, "the URL of a node must be https")
	}
	r = r.Clone(r.Context())
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	r.URL.Scheme, r.URL.Host = u.Scheme, u.Host
	return n.base.RoundTrip(r)
}

// AtEachNode returns the realm once for each of its Nodes, with a Base that leads
// to that node, or once if it has no Nodes. Each request then uses a connection
// of its own.
func (r Realm) AtEachNode() []Realm {
	nodes, base := r.Nodes, rest.Apart(r.Base)
	r.Nodes, r.Base = nil, base
	if len(nodes) == 0 {
		return []Realm{r}
	}
	var list []Realm
	for _, node := range nodes {
		r.Base = toNode{node, base}
		list = append(list, r)
	}
	return list
}

// spread makes every known node drop the client's keys from its cache, by an
// update that changes nothing, not even the algorithm.
func (a *API) spread(ctx context.Context, id string) error {
	if len(a.Realm.Nodes) == 0 {
		return nil
	}
	return a.atEach(func(node *API) error {
		info, err := node.Client(ctx, id)
		if err != nil {
			return err
		}
		var nothing Change
		if algorithm := info.Attributes[SigningAlgorithm]; algorithm != "" {
			nothing.Attributes = map[string]string{SigningAlgorithm: algorithm}
		}
		return node.update(ctx, info, nothing)
	})
}

// atEach makes a call on each known node, or on any node if none is known.
func (a *API) atEach(call func(*API) error) error {
	var errs []error
	for _, realm := range a.Realm.AtEachNode() {
		errs = append(errs, call(&API{Realm: realm, Tokens: a.Tokens}))
	}
	return errors.Join(errs...)
}

// ofKeys reports whether an update is about the client's keys.
func (c Change) ofKeys() bool {
	for _, name := range []string{useJWKSURL, jwksURL, useJWKSString, jwksString} {
		if _, ok := c.Attributes[name]; ok {
			return true
		}
	}
	return c.Method == "" && c.Secret.IsZero() && len(c.Attributes) == 0 && !c.Confidential && !c.ServiceAccount
}
