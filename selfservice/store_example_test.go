package selfservice_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"fmt"
	"log"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// The encryption key comes from outside, from a KMS say. When it is to be
// replaced, give Seal both keys until the state has been saved once.
func ExampleSeal() {
	gcm := func(key []byte) cipher.AEAD {
		block, _ := aes.NewCipher(key)
		aead, _ := cipher.NewGCM(block)
		return aead
	}
	oldKey, newKey := gcm([]byte("an AES-256 key: 32 random bytes.")), gcm([]byte("another one, from the same place"))
	ctx := context.Background()

	var disk selfservice.Mem
	version, _ := selfservice.Seal(&disk, "https://as.example.no app", oldKey).Save(ctx, []byte("state"), "")

	store := selfservice.Seal(&disk, "https://as.example.no app", newKey, oldKey)
	blob, _, _ := store.Load(ctx)
	_, _ = store.Save(ctx, blob, version)

	_, _, err := selfservice.Seal(&disk, "https://as.example.no app", oldKey).Load(ctx)
	fmt.Println(err)
	// Output: selfservice: the stored state cannot be read: no key given to Seal opens it under this name
}

// How do I add Seal to a Store that has a state already? Stop the programs that
// use it, and save the state once through the Seal.
func ExampleSeal_existing() {
	ctx := context.Background()
	disk := &selfservice.Mem{} // a filestore.Dir, say
	secret := keys.NewSecret("the first secret, made by hand")
	if err := (&selfservice.Rotator{Store: disk}).Adopt(ctx, selfservice.Credential{Secret: secret}); err != nil {
		log.Fatal(err)
	}
	block, _ := aes.NewCipher([]byte("an AES-256 key: 32 random bytes."))
	aead, _ := cipher.NewGCM(block)
	store := selfservice.Seal(disk, "https://as.example.no app", aead)

	blob, version, err := disk.Load(ctx)
	if err == nil && json.Valid(blob) { // it is in the clear; another time it is not sealed twice
		_, err = store.Save(ctx, blob, version)
	}
	if err != nil {
		log.Fatal(err)
	}

	moved, err := (&selfservice.Rotator{Store: store}).ClientSecret(ctx)
	fmt.Println(moved.Equal(secret), err)
	blob, _, _ = disk.Load(ctx)
	fmt.Println(json.Valid(blob))
	// Output:
	// true <nil>
	// false
}
