package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
)

// other is what an administrator may sign in with instead of a private key: a
// secret or token in a file or an environment variable.
type other struct{ option, short, variable, what string }

// administratorOptions say who manages clients: a client itself.
func administratorOptions(o other) []option {
	return []option{
		text("AdminClientId", "ac", "the client id of the administrator"),
		path("AdminPrivateJwkPath", "ap", "file that holds the administrator's private key: JWK, PEM or a keystore"),
		passwordOption("AdminPrivateJwkPasswordPath", "", "the password, if that is a keystore"),
		path(o.option, o.short, "file that holds the administrator's "+o.what+" (default: $"+o.variable+")"),
	}
}

// administered reports whether anything names an administrator.
func (in *input) administered(o other) bool {
	return in.text("AdminClientId") != "" || in.given("AdminPrivateJwk") != "" || in.text(o.option) != "" || in.env(o.variable) != ""
}

// administrator returns the key, or else the secret or token; one of them is
// there unless it fails.
func (in *input) administrator(o other) (*keys.Key, keys.Secret, error) {
	if in.given("AdminPrivateJwk") != "" {
		if in.text(o.option) != "" {
			return nil, keys.Secret{}, fmt.Errorf("give one of --AdminPrivateJwkPath and --%s", o.option)
		}
		key, err := in.private("AdminPrivateJwk")
		return key, keys.Secret{}, err
	}
	secret, err := in.secret(o.option, o.variable)
	if err == nil && secret.IsZero() {
		err = fmt.Errorf("missing --AdminPrivateJwkPath, --%s or %s", o.option, o.variable)
	}
	return nil, secret, err
}

var errNoAdmin = errors.New("missing --AdminClientId")

// adminTokens says whose authentication failed: two clients are at work here.
type adminTokens struct {
	*assertion.TokenSource
	clientID string
}

func (t adminTokens) BoundToken(ctx context.Context) (string, *keys.Key, error) {
	token, key, err := t.TokenSource.BoundToken(ctx)
	if err != nil {
		err = fmt.Errorf("the administrator %q gets no token: %w", t.clientID, err)
	}
	return token, key, err
}
