package keystore_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Keycloak 26.7.4 wrote the archive for generate-and-download with format PKCS12.
// It is Bouncy Castle's BER, with 3DES and RC2-40.
func TestParseBER(t *testing.T) {
	archive, err := os.ReadFile("testdata/keycloak-26.7.4.p12")
	require.NoError(t, err)
	key, err := keystore.ParseKey(archive, "mine", "changeit-7")
	require.NoError(t, err)
	require.Len(t, key.Certificates(), 1)
	assert.Equal(t, "CN=b1", key.Certificates()[0].Subject.String())
	_, err = keystore.ParseKey(archive, "mine", "wrong")
	require.ErrorIs(t, err, keystore.ErrPassword)
}

func TestMalformedBER(t *testing.T) {
	archive, err := os.ReadFile("testdata/keycloak-26.7.4.p12")
	require.NoError(t, err)
	for name, data := range map[string][]byte{
		"no end":                       archive[:len(archive)-2],
		"trailing byte":                append(bytes.Clone(archive), 0),
		"nothing inside":               {0x30, 0x80},
		"a length beyond the input":    {0x30, 0x80, 0x04, 0x83, 0xff, 0xff, 0xff, 0, 0},
		"a length of four octets":      {0x30, 0x80, 0x04, 0x84, 0, 0, 0, 1, 0, 0, 0},
		"a truncated length":           {0x30, 0x80, 0x04, 0x82, 0},
		"a primitive without a length": {0x30, 0x80, 0x04, 0x80, 0, 0, 0, 0},
		"pieces of another type":       {0x30, 0x80, 0x24, 0x80, 0x02, 0x01, 0x03, 0, 0, 0, 0},
		"20 000 levels":                []byte(strings.Repeat("\x30\x80", 20_000)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keystore.Parse(data, "")
			require.ErrorIs(t, err, keys.ErrMalformed)
		})
	}
}
