package keystore

import (
	"bytes"
	"crypto/sha1"
	"encoding/asn1"
	"os"
	"testing"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"
)

// TestLibrariesStillLack fails when a new release of a library can do what this
// package does by hand. The code named in the case can then be deleted.
func TestLibrariesStillLack(t *testing.T) {
	for _, c := range []struct{ file, password, lack string }{
		{"keytool-two.PKCS12", "changeit", "archive: several keys"},
		{"openssl-certificate.p12", "changeit", "archive: no key"},
		{"keycloak-26.7.4.p12", "changeit-7", "toDER: indefinite lengths"},
	} {
		data, err := os.ReadFile("testdata/" + c.file)
		require.NoError(t, err)
		_, _, _, err = pkcs12.DecodeChain(data, c.password)
		assert.Error(t, err, c.lack)
	}

	key := certified(t, 1)[0]
	p := pfx{Version: pfxVersion}
	p.AuthSafe.ContentType = oid(oidData)
	p.MacData = plainMAC(oidSHA384, 1)
	pw, err := newPassword(hostilePassword)
	require.NoError(t, err)
	sealed, err := p.seal([]contentInfo{bagsOf(t, plainKey(t, key), plainCert(t, key.Certificates()[0]))}, pw)
	require.NoError(t, err)
	_, err = ParseKey(sealed, "", hostilePassword)
	require.NoError(t, err)
	_, _, _, err = pkcs12.DecodeChain(sealed, hostilePassword)
	assert.ErrorContains(t, err, "MAC digest algorithm not supported", "macData: SHA-384")

	assert.Panics(t, func() {
		short, err := asn1.Marshal(encryptedKey{Encrypted: make([]byte, jksOverhead-1), Algorithm: algorithm(t, oidJKS, asn1.NullRawValue)})
		require.NoError(t, err)
		body := []byte(magicJKS + "\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x01\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		body = append(append(append(body, byte(len(short))), short...), 0, 0, 0, 0)
		h := sha1.New()
		h.Write([]byte("\x00x" + "Mighty Aphrodite"))
		h.Write(body)
		store := jks.New()
		require.NoError(t, store.Load(bytes.NewReader(h.Sum(body)), []byte("x")))
		store.GetPrivateKeyEntry("a", []byte("x"))
	}, "checkJKS: the length of a protected key")
}
