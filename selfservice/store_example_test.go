package selfservice_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"

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
