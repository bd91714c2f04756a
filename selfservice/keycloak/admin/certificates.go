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

// StoredKey is the key of a client that has a certificate or a bare public key.
// All fields may be zero.
type StoredKey struct {
	Certificate *x509.Certificate
	PublicKey   *keys.PublicKey // of the certificate, or the bare key
	KeyID       string          // for the kid of the client's assertions
	PrivateKey  bool            // the server stores the private key as well: it made it or was sent it
}

type certificateAnswer struct {
	PrivateKey  string `json:"privateKey"`
	PublicKey   string `json:"publicKey"`
	Certificate string `json:"certificate"`
	KeyID       string `json:"kid"`
}

// StoredKey returns the client's certificate or public key. For a client with a
// stored JWKS it returns the first key of that; use [API.Keys].
func (a *API) StoredKey(ctx context.Context, id string) (StoredKey, error) {
	var answer certificateAnswer
	if err := a.get(ctx, a.certificates(id), nil, &answer); err != nil {
		return StoredKey{}, err
	}
	return answer.storedKey()
}

// GenerateKey has the server make an RSA key with a self-signed certificate and
// store both in place of the client's keys. It returns the key under the kid by
// which the server finds it. The key acts at once; a token proves that. If a key
// is returned together with an error, the server may or may not use it.
//
// Newer servers deprecate this. A key that is made here and uploaded never
// leaves its owner; prefer that.
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

// proven returns the key with the algorithm that the client is set to, after it
// has obtained a token with it.
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
	for range 11 { // another node may have loaded the keys less than 10 s ago
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

// Format is a format of key files, by Keycloak's name.
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

// Keystore describes a keystore for the server to make.
type Keystore struct {
	Format   Format // FormatJKS, FormatPKCS12 or FormatBCFKS
	Alias    string
	Password keys.Secret // of the store and of the key
	Bits     int         // of a new RSA key; zero: the server's choice, 4096 from 26.3 on; older servers refuse a choice
	Years    int         // validity of its certificate; zero: the server's choice, 3 from 26.3 on and 10 before
}

// GenerateKeystore is like [API.GenerateKey], but returns the key in a keystore,
// which [Keystore.Key] opens. The server keeps only the certificate.
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

// DownloadKeystore returns the keys that the server stores, in a keystore.
func (a *API) DownloadKeystore(ctx context.Context, id string, k Keystore) ([]byte, error) {
	return a.keystore(ctx, id, "/download", k)
}

func (a *API) keystore(ctx context.Context, id, operation string, k Keystore) ([]byte, error) {
	if !k.Format.archive() || k.Alias == "" || k.Password.IsZero() {
		return nil, refuse(ErrConfig, "a keystore needs a format, an alias and a password")
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
		der, err := decodePEM(c.Certificate)
		if err != nil {
			return StoredKey{}, err
		}
		if k.Certificate, err = x509.ParseCertificate(der); err != nil {
			return StoredKey{}, refuse(ErrMalformed, "the certificate")
		}
		public, chain = k.Certificate.PublicKey, []*x509.Certificate{k.Certificate}
	case c.PublicKey != "":
		der, err := decodePEM(c.PublicKey)
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

// key returns the private key that the server made.
func (c certificateAnswer) key() (*keys.Key, error) {
	stored, err := c.storedKey()
	if err != nil {
		return nil, err
	}
	if stored.Certificate == nil {
		return nil, refuse(ErrMalformed, "no certificate came with the key")
	}
	der, err := decodePEM(c.PrivateKey)
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

// decodePEM decodes PEM, or bare base64, which is what Keycloak stores.
func decodePEM(text string) ([]byte, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes, nil
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, refuse(ErrMalformed, "neither PEM nor base64")
	}
	return der, nil
}
