package keystore

import (
	"crypto"
	"crypto/x509"
	"strings"

	"github.com/nokkel/nokkel/internal/certpool"
	"github.com/nokkel/nokkel/keys"
)

// Limits on what is read. Honest keystores are a few KiB.
const (
	maxInput      = 1 << 20 // bytes of any input
	maxPrivateKey = 5 << 10 // bytes of one PKCS#8 key, encrypted or not; RSA 8192 takes 4.6 KiB

	maxPrivateKeys  = 100  // of one keystore
	maxCertificates = 1000 // of one keystore; Java's own list of authorities has 150
	maxContents     = 100  // of one PKCS#12 archive; they all have two
)

// tally counts what a keystore holds.
type tally struct{ privateKeys, certificates int }

func (t tally) check() error {
	switch {
	case t.privateKeys > maxPrivateKeys:
		return refuse(keys.ErrTooLarge, "more than 100 private keys")
	case t.certificates > maxCertificates:
		return refuse(keys.ErrTooLarge, "more than 1000 certificates")
	}
	return nil
}

// Entry is what an input holds under one alias.
type Entry struct {
	Alias  string          // the name in a keystore, which may be empty; elsewhere the key id
	Key    *keys.Key       // nil when the private part is not there
	Public *keys.PublicKey // never nil
}

// Parse reads every signing key of an input of at most 1 MiB. It detects the
// format: a JKS or PKCS#12 keystore, a certificate or public key (PEM or
// DER), a JWKS, base64 of the binary ones, and every form that [keys.Parse]
// reads, which covers what Keycloak accepts. The password is that of a
// keystore and of the keys in it; other formats ignore it.
//
// A keystore with more than 100 private keys or 1000 certificates, or one
// that asks for too much work, is refused with [keys.ErrTooLarge].
//
// Public keys that this module cannot verify with are skipped. A private key
// that it cannot sign with fails the whole call; [ParseKey] still reads the
// others. Of a JWKS with private keys only these are read. Several in PEM, or
// in a JWKS that is wrapped in something, are refused with [keys.ErrAmbiguous].
//
// Of several certificates for a private key the one that the keystore marks
// as its own is taken. Certificates in the chain of a private key are no
// entries, unless Java lists them as trusted. Those that older programs
// encrypted in PKCS#12 with 3DES or RC2 have no alias.
func Parse(data []byte, password string) ([]Entry, error) {
	all, err := open(data, password)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	inChain := make(map[string]bool)
	for _, s := range all {
		e, err := s.open()
		switch {
		case err != nil && s.private:
			return nil, err
		case err != nil: // a trusted authority may well have another kind of key
			continue
		case s.private:
			for _, c := range e.Key.Certificates() {
				inChain[string(c.Raw)] = true
			}
		case s.unlessInChain && inChain[string(e.Public.Certificates()[0].Raw)]:
			continue
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, refuse(keys.ErrUnsupported, "no signing key in the input")
	}
	return entries, nil
}

// ParseKey reads the private key under an alias, from the same inputs as
// [Parse]. Only that entry is decrypted. Aliases are compared without regard
// to case, as Java does; of several that differ in case only, the exact one is
// meant. The empty alias means the only private key, whatever its name; with
// several it is [keys.ErrAmbiguous].
//
// Only a JWK says which JWS algorithm an RSA key is for. From elsewhere it is
// RS256; [keys.Key.With] sets another.
func ParseKey(data []byte, alias, password string) (*keys.Key, error) {
	all, err := open(data, password)
	if err != nil {
		return nil, err
	}
	found, err := find(all, alias)
	if err != nil {
		return nil, err
	}
	e, err := found.open()
	return e.Key, err
}

// find returns the one entry with a private key under an alias.
func find(all []sealed, alias string) (sealed, error) {
	var exact, found []sealed
	named, lower := alias == "", strings.ToLower(alias) // as Java compares; EqualFold takes more for equal
	for _, s := range all {
		if alias != "" && strings.ToLower(s.alias) != lower {
			continue
		}
		named = true
		if !s.private {
			continue
		}
		found = append(found, s)
		if alias != "" && s.alias == alias {
			exact = append(exact, s)
		}
	}
	if len(exact) > 0 {
		found = exact
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return sealed{}, refuse(keys.ErrAmbiguous, "several entries with a private key")
	case named:
		return sealed{}, refuse(keys.ErrNoPrivateKey, "certificates or public keys only")
	}
	return sealed{}, refuse(ErrNotFound, "")
}

// sealed is an entry that is listed but not decrypted yet, so that one key
// can be taken out of an archive whose other keys do not open.
type sealed struct {
	alias         string
	private       bool
	unlessInChain bool // a certificate that is no entry if it is in the chain of a key before it
	open          func() (Entry, error)
}

// privateEntry joins a decrypted key and the certificates found near it. Of
// several for the key, its own one is taken.
func privateEntry(alias string, private any, near certpool.Pool, own *x509.Certificate) (Entry, error) {
	signer, ok := private.(crypto.Signer)
	if !ok {
		return Entry{}, refuse(keys.ErrUnsupported, "key type")
	}
	chain, err := near.Chain(signer.Public(), own)
	if err != nil {
		return Entry{}, refuse(err, "")
	}
	key, err := keys.New(signer, keys.Options{Certificates: chain})
	if err != nil {
		return Entry{}, err
	}
	return Entry{Alias: alias, Key: key, Public: key.PublicKey()}, nil
}

// publicEntry is the entry of a certificate without private key.
func publicEntry(alias string, c *x509.Certificate) (Entry, error) {
	public, err := keys.NewPublicKey(c.PublicKey, keys.Options{Certificates: []*x509.Certificate{c}})
	return Entry{Alias: alias, Public: public}, err
}

func checkSize(data []byte) error {
	if len(data) > maxInput {
		return refuse(keys.ErrTooLarge, "input over 1 MiB")
	}
	return nil
}
