package keycloaktest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAProofIsSpentHoweverItIsSpelled checks that "htu" is compared in normal
// form, and that a jti is spent for every spelling of it, but not for another key.
func TestAProofIsSpentHoweverItIsSpelled(t *testing.T) {
	s := Start(t)
	const path = "/realms/test/protocol/openid-connect/token"
	post := func(key *ecdsa.PrivateKey, jti, htu string) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
		require.NoError(t, err)
		claims, err := json.Marshal(map[string]any{"jti": jti, "htm": "POST", "htu": htu, "iat": time.Now().Unix()})
		require.NoError(t, err)
		jws, err := signer.Sign(claims)
		require.NoError(t, err)
		proof, err := jws.CompactSerialize()
		require.NoError(t, err)
		r, err := http.NewRequest(http.MethodPost, s.URL+path, nil)
		require.NoError(t, err)
		r.Header.Set("DPoP", proof)
		_, problem := s.proof(r, "")
		return problem
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for name, htu := range map[string]string{
		"as it is":      s.URL + path,
		"query":         s.URL + path + "?x=y#z",
		"scheme":        strings.Replace(s.URL, "http", "HTTP", 1) + path,
		"dot segments":  s.URL + "/x/.." + path,
		"escaped":       s.URL + strings.Replace(path, "token", "%74oken", 1),
		"empty segment": s.URL + "//.." + path,
	} {
		assert.Empty(t, post(key, name, htu), name)
		assert.Contains(t, post(key, name, s.URL+path), "already been used", name)
		assert.Empty(t, post(other, name, s.URL+path), name)
	}
	for name, htu := range map[string]string{
		"none": "", "path": path, "other path": s.URL + "/", "case": s.URL + strings.ToUpper(path), "user": strings.Replace(s.URL, "//", "//u@", 1) + path,
	} {
		assert.Contains(t, post(key, rand.Text(), htu), "URL mismatch", name)
	}
}
