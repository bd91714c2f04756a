package assertion

import (
	"context"

	"github.com/nokkel/nokkel/keys"
)

// KeyRefuser is an optional interface of a keys.Source: told that the server
// refused a key that it gave, it returns the one to try instead, or the same
// one when there is no other. A selfservice.Rotator is one. With it a
// [TokenSource] outlives a rotation at a server that ends the old key in the
// instant in which it takes the new one.
type KeyRefuser interface {
	KeyRefused(ctx context.Context, key *keys.Key) (*keys.Key, error)
}

// SecretRefuser is the same for a keys.SecretSource.
type SecretRefuser interface {
	SecretRefused(ctx context.Context, secret keys.Secret) (keys.Secret, error)
}

// hold returns auth with the credential of this moment held, so that it is
// known which one a refusal is about, and a function that returns auth with
// another one after that, nil when there is none. Authenticators whose source
// could not say return as they are, with a nil function.
func hold(ctx context.Context, auth Authenticator) (Authenticator, func(context.Context) Authenticator, error) {
	switch a := auth.(type) {
	case *Signer:
		if source, ok := a.Key.(KeyRefuser); ok {
			with := func(k *keys.Key) Authenticator { c := *a; c.Key = k; return &c }
			key, err := signingKey(ctx, a.Key)
			if err != nil {
				return nil, nil, err
			}
			return with(key), func(ctx context.Context) Authenticator {
				other, err := source.KeyRefused(ctx, key)
				if err != nil || other == nil || other.Thumbprint() == key.Thumbprint() {
					return nil
				}
				return with(other)
			}, nil
		}
		return holdSecret(ctx, auth, a.Secret, func(s keys.Secret) Authenticator { c := *a; c.Secret = s; return &c })
	case *Basic:
		return holdSecret(ctx, auth, a.Secret, func(s keys.Secret) Authenticator { return &Basic{a.ClientID, s} })
	case *Post:
		return holdSecret(ctx, auth, a.Secret, func(s keys.Secret) Authenticator { return &Post{a.ClientID, s} })
	}
	return auth, nil, nil
}

func holdSecret(ctx context.Context, auth Authenticator, from keys.SecretSource, with func(keys.Secret) Authenticator) (Authenticator, func(context.Context) Authenticator, error) {
	source, ok := from.(SecretRefuser)
	if !ok {
		return auth, nil, nil
	}
	secret, err := from.ClientSecret(ctx)
	if err != nil {
		return nil, nil, err
	}
	return with(secret), func(ctx context.Context) Authenticator {
		other, err := source.SecretRefused(ctx, secret)
		if err != nil || other.IsZero() || other.Equal(secret) {
			return nil
		}
		return with(other)
	}, nil
}
