package keystore

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"

	"github.com/nokkel/nokkel/internal/certpool"
	"github.com/nokkel/nokkel/keys"
)

// oidJKS is Sun's protection of a private key in a JKS.
const oidJKS = "1.3.6.1.4.1.42.2.17.1.1"

// Inside a protected key: a salt before it, and a hash after it.
const jksOverhead = 20 + 20

func openJKS(data []byte, text string) ([]sealed, error) {
	pw, err := latin1(text)
	if err != nil {
		return nil, err
	}
	if err := checkJKS(data); err != nil {
		return nil, err
	}
	store := jks.New(jks.WithCaseExactAliases(), jks.WithOrderedAliases())
	if err := store.Load(bytes.NewReader(data), pw); err != nil {
		// The structure was checked: what is left is the hash at the end.
		return nil, refuse(ErrPassword, "it does not match, or the keystore is damaged")
	}
	var all []sealed
	for _, alias := range store.Aliases() {
		if store.IsPrivateKeyEntry(alias) {
			all = append(all, sealed{alias: alias, private: true, open: func() (Entry, error) { return jksKey(store, alias, pw) }})
		} else {
			all = append(all, sealed{alias: alias, open: func() (Entry, error) { return jksTrusted(store, alias) }})
		}
	}
	return all, nil
}

func jksKey(store jks.KeyStore, alias string, pw []byte) (Entry, error) {
	entry, err := store.GetPrivateKeyEntry(alias, pw)
	if err != nil {
		return Entry{}, refuse(ErrPassword, "the key's password is not the keystore's")
	}
	key, err := parsePKCS8(entry.PrivateKey)
	if err != nil {
		return Entry{}, err
	}
	var chain []*x509.Certificate
	for _, c := range entry.CertificateChain {
		x, err := x509.ParseCertificate(c.Content)
		if err != nil {
			return Entry{}, refuse(keys.ErrMalformed, "certificate")
		}
		chain = append(chain, x)
	}
	var leaf *x509.Certificate // which comes first, though others may be for the key too
	if len(chain) > 0 {
		leaf = chain[0]
	}
	return privateEntry(alias, key, certpool.New(chain), leaf)
}

func jksTrusted(store jks.KeyStore, alias string) (Entry, error) {
	entry, err := store.GetTrustedCertificateEntry(alias)
	if err != nil {
		return Entry{}, refuse(keys.ErrMalformed, "entry")
	}
	c, err := x509.ParseCertificate(entry.Certificate.Content)
	if err != nil {
		return Entry{}, refuse(keys.ErrMalformed, "certificate")
	}
	return publicEntry(alias, c)
}

// latin1 returns the password as keystore-go v4.5.0 reads one: a byte for each
// of Java's 16-bit characters.
func latin1(text string) ([]byte, error) {
	var b []byte
	for _, r := range text {
		if r > 0xff {
			return nil, refuse(ErrPassword, "characters outside Latin-1 in a JKS password")
		}
		b = append(b, byte(r))
	}
	return b, nil
}

// checkJKS walks through the keystore once. By hand because
// github.com/pavlo-v-chernykh/keystore-go/v4 v4.5.0 allocates what a length
// field says, up to 4 GiB, before it reads the bytes, panics on a protected
// key that is too short, and ignores what follows the keystore.
func checkJKS(data []byte) error {
	c := &cursor{rest: data}
	c.take(4) // magic
	version, count := c.uint(4), c.uint(4)
	if version != 1 && version != 2 {
		return refuse(keys.ErrUnsupported, "version of the JKS")
	}
	var held tally
	for i := uint64(0); i < count && !c.short; i++ {
		tag := c.uint(4)
		c.take(c.uint(2)) // alias
		c.take(8)         // time of creation
		certificates := uint64(1)
		switch tag {
		case 1:
			if err := checkProtected(c.take(c.uint(4))); err != nil && !c.short {
				return err
			}
			certificates = c.uint(4)
			held.privateKeys++
		case 2:
		default:
			if !c.short {
				return refuse(keys.ErrUnsupported, "kind of a JKS entry")
			}
		}
		for j := uint64(0); j < certificates && !c.short; j++ {
			if version == 2 {
				c.take(c.uint(2)) // type
			}
			c.take(c.uint(4))
			held.certificates++
		}
		if err := held.check(); err != nil {
			return err
		}
	}
	c.take(20) // hash
	if c.short || len(c.rest) > 0 {
		return refuse(keys.ErrMalformed, "JKS structure")
	}
	return nil
}

func checkProtected(der []byte) error {
	var k encryptedKey
	if err := unmarshal(der, &k); err != nil {
		return err
	}
	switch {
	case k.Algorithm.Algorithm.String() != oidJKS:
		return refuse(keys.ErrUnsupported, "protection of a JKS key")
	case len(k.Encrypted) < jksOverhead:
		return refuse(keys.ErrMalformed, "JKS key")
	case len(k.Encrypted) > maxPrivateKey:
		return refuse(keys.ErrTooLarge, "private key over 5 KiB")
	}
	return nil
}

// cursor reads big-endian fields; after the end of the data all are zero.
type cursor struct {
	rest  []byte
	short bool
}

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.rest)) {
		c.short, c.rest = true, nil
		return nil
	}
	taken := c.rest[:n]
	c.rest = c.rest[n:]
	return taken
}

func (c *cursor) uint(size uint64) uint64 {
	var b [8]byte
	copy(b[8-size:], c.take(size))
	return binary.BigEndian.Uint64(b[:])
}
