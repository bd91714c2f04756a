package admin

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/internal/signing"
)

// StoredKey is what the realm has stored of the one key of a client that works
// with a certificate or a bare public key. All fields may be zero.
type StoredKey struct {
	Certificate *x509.Certificate
	PublicKey   *keys.PublicKey // of the certificate, or the bare one
	KeyID       string          // what the client's assertions are to name it
	PrivateKey  bool            // the server holds the private key too: it made it, or was sent it
}

type certificateAnswer struct {
	PrivateKey  string `json:"privateKey"`
	PublicKey   string `json:"publicKey"`
	Certificate string `json:"certificate"`
	KeyID       string `json:"kid"`
}

// StoredKey returns the client's certificate or public key. For a client with
// a JWKS stored it is the first key of that; use [API.Keys].
func (a *API) StoredKey(ctx context.Context, id string) (StoredKey, error) {
	var answer certificateAnswer
	if err := a.get(ctx, a.certificates(id), nil, &answer); err != nil {
		return StoredKey{}, err
	}
	return answer.storedKey()
}

// GenerateKey has the server make an RSA key and a self-signed certificate for
// it and store both in place of what it had; it returns them, under the kid by
// which the server finds them. They act at once, which a token proves. Newer
// servers deprecate this, and a key that is made here and uploaded has never
// left its owner. A key that comes with an error may be stored, and act or not.
func (a *API) GenerateKey(ctx context.Context, id string) (*keys.Key, error) {
	info, err := a.Client(ctx, id)
	if err == nil {
		err = info.confidential()
	}
	if err != nil {
		return nil, err
	}
	var key *keys.Key
	err = a.replaceCertificate(ctx, info, signing.AnyRSA, func() error {
		var answer certificateAnswer
		err := a.read(ctx, request{method: http.MethodPost, path: a.certificates(id) + "/generate", timeout: makeTimeout}, &answer)
		if err == nil {
			key, err = answer.key()
		}
		return err
	})
	if err != nil {
		return key, err
	}
	return a.proven(ctx, id, key)
}

// proven returns the key with the algorithm that the client's settings leave,
// once a token was got with it.
func (a *API) proven(ctx context.Context, id string, key *keys.Key) (*keys.Key, error) {
	info, err := a.Client(ctx, id)
	if err != nil {
		return key, err
	}
	if algorithm := info.Attributes[SigningAlgorithm]; signing.Fits(signing.AnyRSA, algorithm) {
		named, err := key.With(keys.Options{Algorithm: keys.Algorithm(algorithm)})
		if err != nil {
			return key, err
		}
		key = named
	}
	tokens := a.Realm.Tokens(a.Realm.Signer(info.ClientID, key), &a.prover)
	for range 11 { // another node may have read the keys less than 10 s ago
		_, err = tokens.Token(ctx)
		var refused *assertion.Error
		if !errors.As(err, &refused) || refused.Code != "invalid_client" {
			break
		}
		select {
		case <-ctx.Done():
			return key, ctx.Err()
		case <-time.After(time.Second):
		}
	}
	var refused *assertion.Error
	if errors.As(err, &refused) && refused.Code != "invalid_client" {
		err = nil // it asks for more, such as mutual TLS, or the client has no service account
	}
	return key, err
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
// which [Keystore.Key] opens. The server keeps the certificate only. The rest
// is as with [API.GenerateKey].
func (a *API) GenerateKeystore(ctx context.Context, id string, k Keystore) ([]byte, error) {
	info, err := a.Client(ctx, id)
	if err == nil {
		err = info.confidential()
	}
	if err != nil {
		return nil, err
	}
	var content []byte
	err = a.replaceCertificate(ctx, info, signing.AnyRSA, func() (err error) {
		content, err = a.keystore(ctx, id, "/generate-and-download", k)
		return err
	})
	if err != nil || k.Format == FormatBCFKS {
		return content, err
	}
	key, err := k.Key(content)
	if err == nil {
		_, err = a.proven(ctx, id, key)
	}
	return content, err
}

// Key opens a keystore that the server made, not one of [FormatBCFKS], and
// returns the key under the kid by which the server finds it. An RSA key is
// RS256; where the client's policies want another algorithm, set that.
func (k Keystore) Key(content []byte) (*keys.Key, error) {
	key, err := keystore.ParseKey(content, k.Alias, k.Password.Reveal())
	if err != nil {
		return nil, err
	}
	return key.With(keys.Options{KeyID: certs.KeyID(key.PublicKey())})
}

// DownloadKeystore returns what the server holds in a keystore.
func (a *API) DownloadKeystore(ctx context.Context, id string, k Keystore) ([]byte, error) {
	return a.keystore(ctx, id, "/download", k)
}

func (a *API) keystore(ctx context.Context, id, operation string, k Keystore) ([]byte, error) {
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
	return a.call(ctx, request{method: http.MethodPost, path: a.certificates(id) + operation, body: body, contentType: jsonType, timeout: makeTimeout})
}

func (f Format) archive() bool { return f == FormatJKS || f == FormatPKCS12 || f == FormatBCFKS }

func (a *API) certificates(id string) string {
	return a.realm("clients", id, "certificates", credential)
}

func (c certificateAnswer) storedKey() (StoredKey, error) {
	k := StoredKey{KeyID: c.KeyID, PrivateKey: c.PrivateKey != ""}
	var public any
	var chain []*x509.Certificate
	switch {
	case c.Certificate != "":
		der, err := decodeArmour(c.Certificate)
		if err != nil {
			return StoredKey{}, err
		}
		if k.Certificate, err = x509.ParseCertificate(der); err != nil {
			return StoredKey{}, refuse(ErrMalformed, "the certificate")
		}
		public, chain = k.Certificate.PublicKey, []*x509.Certificate{k.Certificate}
	case c.PublicKey != "":
		der, err := decodeArmour(c.PublicKey)
		if err != nil {
			return StoredKey{}, err
		}
		if public, err = x509.ParsePKIXPublicKey(der); err != nil {
			return StoredKey{}, refuse(ErrMalformed, "the public key")
		}
	default:
		return k, nil
	}
	key, err := keys.NewPublicKey(public, keys.Options{KeyID: k.KeyID})
	if err == nil && k.KeyID == "" {
		k.KeyID = certs.KeyID(key)
	}
	if err == nil {
		k.PublicKey, err = keys.NewPublicKey(public, keys.Options{KeyID: k.KeyID, Certificates: chain})
	}
	return k, err
}

// key is the private one that the server has made.
func (c certificateAnswer) key() (*keys.Key, error) {
	stored, err := c.storedKey()
	if err != nil {
		return nil, err
	}
	if stored.Certificate == nil {
		return nil, refuse(ErrMalformed, "no certificate came with the key")
	}
	der, err := decodeArmour(c.PrivateKey)
	if err != nil {
		return nil, err
	}
	options := keys.Options{KeyID: stored.KeyID, Certificates: []*x509.Certificate{stored.Certificate}}
	key, err := keys.Parse(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), options)
	if err != nil { // PKCS#1
		key, err = keys.Parse(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der}), options)
	}
	return key, err
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
