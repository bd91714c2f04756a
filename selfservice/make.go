package selfservice

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"

	"github.com/nokkel/nokkel/keys"
)

// makeLike makes a credential of the same kind, algorithm and size.
func makeLike(_ context.Context, like Credential) (Credential, error) {
	if like.Key == nil {
		var b [32]byte
		rand.Read(b[:])
		return Credential{Secret: keys.NewSecret(base64.RawURLEncoding.EncodeToString(b[:]))}, nil
	}
	var key *keys.Key
	var err error
	if pub, ok := like.Key.PublicKey().Public().(*rsa.PublicKey); ok {
		key, err = keys.GenerateRSA(like.Key.Algorithm(), pub.N.BitLen())
	} else {
		key, err = keys.Generate(like.Key.Algorithm())
	}
	return Credential{Key: key}, err
}
