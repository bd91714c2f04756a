package keycloak

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"

	"github.com/nokkel/nokkel/keys"
)

// StoredKey is what the realm has stored of the one key of a client that works
// with a certificate or a bare public key. All fields may be zero.
type StoredKey struct {
	Certificate *x509.Certificate
	PublicKey   *keys.PublicKey // of the certificate, or the bare one
	KeyID       string          // what the client's assertions name it; empty: certs.KeyID of the key, or for a certificate none
	PrivateKey  bool            // the server holds the private key too: it made it, or was sent it
}

type certificateAnswer struct {
	PrivateKey  string `json:"privateKey"`
	PublicKey   string `json:"publicKey"`
	Certificate string `json:"certificate"`
	KeyID       string `json:"kid"`
}

// StoredKey returns the client's certificate or public key. For a client with
// a JWKS stored it is the first key of that; use [Admin.Keys].
func (a *Admin) StoredKey(ctx context.Context, id string) (StoredKey, error) {
	var answer certificateAnswer
	if err := a.get(ctx, a.certificates(id), nil, &answer); err != nil {
		return StoredKey{}, err
	}
	return answer.storedKey()
}

// GenerateKey has the server make an RSA key and a self-signed certificate for
// it and store both in place of what it had; it returns them. They act at once,
// as after [Admin.Upload]. Newer servers deprecate this, and a key that is made
// here and uploaded has never left its owner. A key that comes with an error is
// stored, but may not act yet.
func (a *Admin) GenerateKey(ctx context.Context, id string) (*keys.Key, error) {
	info, err := a.Client(ctx, id)
	if err == nil {
		err = info.confidential()
	}
	if err != nil {
		return nil, err
	}
	var answer certificateAnswer
	if err := a.exchange(ctx, http.MethodPost, a.certificates(id)+"/generate", nil, &answer); err != nil {
		return nil, err
	}
	stored, err := answer.storedKey()
	if err != nil {
		return nil, err
	}
	if stored.Certificate == nil {
		return nil, refuse(ErrMalformed, "no certificate came with the key")
	}
	der, err := decodeArmour(answer.PrivateKey)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	key, err := keys.Parse(text, keys.Options{KeyID: stored.KeyID, Certificates: []*x509.Certificate{stored.Certificate}})
	if err != nil { // PKCS#1, from older servers
		text = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der})
		key, err = keys.Parse(text, keys.Options{KeyID: stored.KeyID, Certificates: []*x509.Certificate{stored.Certificate}})
	}
	if err != nil {
		return nil, err
	}
	return key, a.useCertificate(ctx, info)
}

// Format is a kind of key file, as Keycloak names it.
type Format string

// The formats of key files. BCFKS is for servers in FIPS mode.
const (
	FormatJKS         Format = "JKS"
	FormatPKCS12      Format = "PKCS12"
	FormatBCFKS       Format = "BCFKS"
	FormatCertificate Format = "Certificate PEM"
	FormatPublicKey   Format = "Public Key PEM"
	FormatJWKS        Format = "JSON Web Key Set"
)

// Keystore says what a keystore that the server makes is to be like.
type Keystore struct {
	Format   Format // FormatJKS, FormatPKCS12 or FormatBCFKS
	Alias    string
	Password keys.Secret // of the store and of the key
	Bits     int         // of a new RSA key; zero: the server's choice (4096 from 26.3 on, which also is the first to take one)
	Years    int         // validity of its certificate; zero: the server's choice (3 from 26.3 on, 10 before)
}

// GenerateKeystore has the server make a key and return it in a keystore,
// which certs.ParseKey opens. The server keeps the certificate only. The rest
// is as with [Admin.GenerateKey].
func (a *Admin) GenerateKeystore(ctx context.Context, id string, k Keystore) ([]byte, error) {
	info, err := a.Client(ctx, id)
	if err == nil {
		err = info.confidential()
	}
	if err != nil {
		return nil, err
	}
	content, err := a.keystore(ctx, id, "/generate-and-download", k)
	if err != nil {
		return nil, err
	}
	return content, a.useCertificate(ctx, info)
}

// DownloadKeystore returns what the server holds in a keystore.
func (a *Admin) DownloadKeystore(ctx context.Context, id string, k Keystore) ([]byte, error) {
	return a.keystore(ctx, id, "/download", k)
}

func (a *Admin) keystore(ctx context.Context, id, operation string, k Keystore) ([]byte, error) {
	if !k.Format.archive() || k.Alias == "" || k.Password.IsZero() {
		return nil, refuse(ErrConfig, "a keystore has a format, an alias and a password")
	}
	config := map[string]any{
		"format": k.Format, "keyAlias": k.Alias, "keyPassword": k.Password.Reveal(), "storePassword": k.Password.Reveal(),
		"realmCertificate": false, // else the realm's comes with it
	}
	if k.Bits != 0 {
		config["keySize"] = k.Bits
	}
	if k.Years != 0 {
		config["validity"] = k.Years
	}
	body, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	return a.call(ctx, request{method: http.MethodPost, path: a.certificates(id) + operation, body: body, contentType: jsonType})
}

func (f Format) archive() bool { return f == FormatJKS || f == FormatPKCS12 || f == FormatBCFKS }

func (a *Admin) certificates(id string) string {
	return a.realm("clients", id, "certificates", credential)
}

func (c certificateAnswer) storedKey() (StoredKey, error) {
	k := StoredKey{KeyID: c.KeyID, PrivateKey: c.PrivateKey != ""}
	switch {
	case c.Certificate != "":
		der, err := decodeArmour(c.Certificate)
		if err != nil {
			return StoredKey{}, err
		}
		if k.Certificate, err = x509.ParseCertificate(der); err != nil {
			return StoredKey{}, refuse(ErrMalformed, "the certificate")
		}
		k.PublicKey, err = keys.NewPublicKey(k.Certificate.PublicKey, keys.Options{KeyID: c.KeyID, Certificates: []*x509.Certificate{k.Certificate}})
		return k, err
	case c.PublicKey != "":
		der, err := decodeArmour(c.PublicKey)
		if err != nil {
			return StoredKey{}, err
		}
		public, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return StoredKey{}, refuse(ErrMalformed, "the public key")
		}
		k.PublicKey, err = keys.NewPublicKey(public, keys.Options{KeyID: c.KeyID})
		return k, err
	}
	return k, nil
}

// decodeArmour reads PEM, or its inside alone, which is what Keycloak stores.
func decodeArmour(text string) ([]byte, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes, nil
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, refuse(ErrMalformed, "neither PEM nor base64")
	}
	return der, nil
}
