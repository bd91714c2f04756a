package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/nokkel/nokkel/keys"
)

// task is one thing that all contenders make.
type task struct {
	name       string
	contenders []contender // the first is the raw signature
	check      func(product) error
}

type contender struct {
	name string
	make func() (product, error)
}

// product is what was made: a token, or a public JWK and its thumbprint; of a
// proof that was verified the "jti" in place of a token, and the thumbprint.
type product struct {
	token      string
	jwk        []byte
	thumbprint []byte
}

// verify lets every contender but the raw one make two products, which have to
// be right and, being single-use, not the same.
func (t task) verify() error {
	for _, c := range t.contenders[1:] {
		first, err := c.make()
		if err == nil {
			err = t.check(first)
		}
		if err != nil {
			return fmt.Errorf("%s by %s: %w", t.name, c.name, err)
		}
		if second, err := c.make(); err != nil || first.token != "" && first.token == second.token {
			return fmt.Errorf("%s by %s: made the same token twice (%v)", t.name, c.name, err)
		}
	}
	return nil
}

func allTasks() ([]task, error) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	proof, err := proofTask(ec)
	if err != nil {
		return nil, err
	}
	verified, err := verifyTask(ec)
	if err != nil {
		return nil, err
	}
	tasks := []task{proof, verified}
	for _, of := range []struct {
		alg    keys.Algorithm
		signer crypto.Signer
	}{{keys.ES256, ec}, {keys.RS256, rsaKey}, {keys.PS256, rsaKey}} {
		t, err := assertionTask(of.alg, of.signer)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, t)
	}
	return append(tasks, jwkTask(ec)), nil
}

// raw is the one signature that no library can avoid, of a hash at hand.
func raw(key crypto.Signer, opts crypto.SignerOpts) contender {
	digest := sha256.Sum256([]byte("raw"))
	return contender{"raw signature", func() (product, error) {
		_, err := key.Sign(rand.Reader, digest[:], opts)
		return product{}, err
	}}
}

func signerOptions(alg keys.Algorithm) crypto.SignerOpts {
	if alg == keys.PS256 {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	}
	return crypto.SHA256
}

// newID is the fresh "jti" of the libraries that leave it to the caller.
func newID() string {
	var id [16]byte
	rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}
