package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

const aboutGenerateKey = `Writes <prefix>_private.json and <prefix>_public.json and prints their paths.
Keep the private file where only the client can read it (it gets mode 0600);
hand the public one in, or register it with updateclientkey. Files that exist
are never replaced. Every option of clientkeys that reads a key takes both
forms, and plain JWK and PEM as well.`

// generateKey is the command generatejsonwebkey.
type generateKey struct {
	newKey
	prefix, dir, kid, transform string
}

// The values of --OutputTransform.
const (
	jsonEscape = "jsonEscape" // a JSON string that holds the JWK, .json
	base64Text = "base64"     // .txt
)

func (g *generateKey) declare(o *options) {
	o.required(&g.prefix, "KeyFileNamePrefix", "n", "how the names of the files begin")
	o.path(&g.dir, "KeyDirectory", "d", "where they go; made if missing (default: the current directory)")
	o.text(&g.kid, "KeyCustomKid", "k", "key id (default: the RFC 7638 thumbprint)")
	o.text(&g.transform, "OutputTransform", "ot", "jsonEscape: a JSON string that holds the JWK (default); base64: into .txt")
	g.newKey.declare(o)
}

func (g *generateKey) run(_ context.Context, c *console) error {
	if err := checkFileName("KeyFileNamePrefix", g.prefix); err != nil {
		return err
	}
	encode, extension, err := transform(g.transform)
	if err != nil {
		return err
	}
	key, err := g.make()
	if err != nil {
		return err
	}
	if g.kid != "" {
		if key, err = key.With(keys.Options{KeyID: g.kid}); err != nil {
			return fmt.Errorf("--KeyCustomKid: %w", err)
		}
	}
	private, err := key.PrivateJWK()
	if err != nil {
		return err
	}
	err = writeNew(c, g.dir,
		file{name: g.prefix + "_private" + extension, content: encode(private)},
		file{name: g.prefix + "_public" + extension, content: encode(key.PublicKey().JWK()), public: true})
	if err != nil {
		return err
	}
	c.tell("Made a key for %s with kid %s.", key.Algorithm(), key.KeyID())
	return nil
}

func transform(name string) (encode func([]byte) []byte, extension string, err error) {
	switch {
	case strings.EqualFold(name, jsonEscape):
		return func(jwk []byte) []byte {
			b, _ := json.Marshal(string(jwk)) // a string always marshals
			return b
		}, ".json", nil
	case strings.EqualFold(name, base64Text):
		return func(jwk []byte) []byte { return base64.StdEncoding.AppendEncode(nil, jwk) }, ".txt", nil
	}
	return nil, "", errors.New("--OutputTransform is jsonEscape or base64")
}
