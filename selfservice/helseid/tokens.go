package helseid

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	internal "github.com/nokkel/nokkel/selfservice/internal/rest"
)

// maxKeys bounds the keys whose tokens are kept. A rotation uses three: the
// pending, the active and the retiring one.
const maxKeys = 4

// selfServiceTokens keeps the tokens for the self-service API, each under the
// key that it was obtained with: a call as a key must prove that key, so
// another key's token does not serve.
type selfServiceTokens struct {
	mu      sync.Mutex
	entries []keyTokens // the one used last is in front
}

type keyTokens struct {
	key    keyName
	source *assertion.TokenSource
}

// keyName is everything by which the assertions of two keys differ.
type keyName struct {
	thumbprint, kid string
	alg             keys.Algorithm
}

func nameOf(key *keys.Key) keyName { return keyName{key.Thumbprint(), key.KeyID(), key.Algorithm()} }

// get returns the source of a key, or a new one.
func (t *selfServiceTokens) get(key *keys.Key, newSource func() *assertion.TokenSource) *assertion.TokenSource {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := nameOf(key)
	i := slices.IndexFunc(t.entries, func(e keyTokens) bool { return e.key == name })
	if i < 0 {
		return t.front(keyTokens{name, newSource()})
	}
	e := t.entries[i]
	t.entries = slices.Delete(t.entries, i, i+1)
	return t.front(e)
}

// put makes source that of key.
func (t *selfServiceTokens) put(key *keys.Key, source *assertion.TokenSource) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := nameOf(key)
	t.entries = slices.DeleteFunc(t.entries, func(e keyTokens) bool { return e.key == name })
	t.front(keyTokens{name, source})
}

func (t *selfServiceTokens) front(e keyTokens) *assertion.TokenSource {
	t.entries = slices.Insert(t.entries, 0, e)
	if len(t.entries) > maxKeys {
		t.entries = slices.Delete(t.entries, maxKeys, len(t.entries))
	}
	return e.source
}

// VerifyKey gets a fresh token with exactly this key, which proves that one of
// HelseID's nodes accepts it now. Each call uses a new connection, so
// the next one may reach another node. The token is kept for calls of the
// self-service API as that key. A key that is not accepted, not yet or no
// longer, is an *assertion.Error with the code "invalid_client".
func (c *Client) VerifyKey(ctx context.Context, key *keys.Key) error {
	source := internal.ApartTokens(c.source(key, []string{SelfServiceScope}, nil))
	if _, err := source.Token(ctx); err != nil {
		return err
	}
	c.tokens.put(key, source)
	return nil
}

// RejectedScopes returns the scopes that HelseID left out of a token because
// the organisation that it is for has not signed their terms.
func RejectedScopes(t *assertion.Token) []string {
	switch rejected := t.Extra("rejected_scope").(type) {
	case string:
		return strings.Fields(rejected)
	case []any:
		var scopes []string
		for _, v := range rejected {
			if s, ok := v.(string); ok {
				scopes = append(scopes, s)
			}
		}
		return scopes
	}
	return nil
}
