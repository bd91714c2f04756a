package keystore

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"

	"github.com/nokkel/nokkel/keys"
)

// What keystores of Java begin with.
const (
	magicJKS   = "\xfe\xed\xfe\xed"
	magicJCEKS = "\xce\xce\xce\xce"
)

// open detects the format.
func open(data []byte, password string) ([]sealed, error) {
	if err := checkSize(data); err != nil {
		return nil, err
	}
	if der, ok := binaryInBase64(data); ok {
		data = der
	}
	switch {
	case bytes.HasPrefix(data, []byte(magicJKS)):
		return openJKS(data, password)
	case bytes.HasPrefix(data, []byte(magicJCEKS)):
		return nil, refuse(keys.ErrUnsupported, "a JCEKS keystore; keytool -importkeystore converts it to PKCS12")
	case isDER(data):
		der, err := toDER(data)
		if err != nil {
			return nil, err
		}
		return openDER(der, password)
	}
	return openBare(data)
}

// isDER reports whether data is a SEQUENCE. 0x30 is a digit, but no text that
// is read here, base64 of one included, begins with a digit 0.
func isDER(data []byte) bool { return len(data) > 1 && data[0] == 0x30 }

func openDER(der []byte, password string) ([]sealed, error) {
	var outer asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 {
		return nil, refuse(keys.ErrMalformed, "broken DER")
	}
	if bytes.HasPrefix(outer.Bytes, []byte{asn1.TagInteger, 1, pfxVersion}) {
		return openPKCS12(der, password)
	}
	return openBare(der)
}

// openBare reads what package keys reads: public forms first, because those
// readers say for sure when there is a private key.
func openBare(data []byte) ([]sealed, error) {
	set, err := keys.ParseSet(data)
	if err != nil && !errors.Is(err, keys.ErrPrivateKey) {
		var public *keys.PublicKey
		public, err = keys.ParsePublic(data, keys.Options{})
		set.Keys = []*keys.PublicKey{public}
	}
	if errors.Is(err, keys.ErrPrivateKey) {
		return openPrivate(data)
	}
	if err != nil {
		return nil, err
	}
	var all []sealed
	for _, p := range set.Keys {
		all = append(all, opened(Entry{Alias: p.KeyID(), Public: p}))
	}
	return all, nil
}

func openPrivate(data []byte) ([]sealed, error) {
	key, err := keys.Parse(data, keys.Options{})
	if errors.Is(err, keys.ErrAmbiguous) {
		return openPrivateSet(data, err)
	}
	if err != nil {
		return nil, err
	}
	return []sealed{openedKey(key)}, nil
}

// openPrivateSet reads a JWKS with several private keys, which package keys
// has seen and refused as ambiguous. Each goes there again in a set of its
// own, so that the rules for it are those of a set.
func openPrivateSet(data []byte, ambiguous error) ([]sealed, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &set) != nil {
		return nil, ambiguous // PEM, or a set inside of something
	}
	var all []sealed
	for _, jwk := range set.Keys {
		key, err := keys.Parse(slices.Concat([]byte(`{"keys":[`), jwk, []byte(`]}`)), keys.Options{})
		if err != nil { // as for one private key of a set
			continue
		}
		all = append(all, openedKey(key))
		if err := (tally{privateKeys: len(all)}).check(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func openedKey(key *keys.Key) sealed {
	return opened(Entry{Alias: key.KeyID(), Key: key, Public: key.PublicKey()})
}

// opened wraps an entry that needed no password.
func opened(e Entry) sealed {
	return sealed{alias: e.Alias, private: e.Key != nil, open: func() (Entry, error) { return e, nil }}
}

// binaryInBase64 undoes the base64 in which keystores lie in environment
// variables and Keycloak keeps certificates. Base64 of text is left to
// package keys.
func binaryInBase64(data []byte) ([]byte, bool) {
	text := bytes.Join(bytes.Fields(data), nil)
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(out, text)
	if err != nil {
		return nil, false
	}
	out = out[:n]
	return out, isDER(out) || bytes.HasPrefix(out, []byte(magicJKS))
}
