package admin

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"mime/multipart"
	"net/http"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/internal/signing"
)

// KeyFile is a file with a client's key, for [API.Upload].
type KeyFile struct {
	Format   Format
	Content  []byte
	Alias    string      // of the entry in a keystore
	Password keys.Secret // of a keystore and of the key in it

	// Private sends a keystore as it is, with its private key, which the server
	// may store. Otherwise only the certificate in it is sent.
	Private bool
}

// Upload stores a key in place of the client's keys. It checks the file, sends
// it, and switches the client to it, which the server's own upload does not do.
// The new key acts and the old one ends at once. To rotate keys without that
// cut, store them as a JWKS, see [API.SetKeys].
//
// Assertions need this kid: for a certificate certs.KeyID or none, for a bare
// public key certs.KeyID, for a JWKS that of the key.
func (a *API) Upload(ctx context.Context, id string, f KeyFile) error {
	f, public, err := f.public()
	if err != nil {
		return err
	}
	if f.Format == FormatJWKS {
		// Servers before 26.1 keep only the first key of an uploaded set.
		return a.SetKeys(ctx, id, keys.Set{Keys: public})
	}
	info, err := a.Client(ctx, id)
	if err == nil {
		err = info.confidential()
	}
	if err != nil {
		return err
	}
	algorithm := signing.AnyRSA // of a keystore that cannot be opened here
	if len(public) > 0 {
		algorithm = signing.Of(public[0].Public())
	}
	if f.Format == FormatCertificate {
		return a.storeCertificate(ctx, info, public[0].Certificates()[0], algorithm)
	}
	body, contentType, err := f.multipart()
	if err != nil {
		return err
	}
	return a.replaceCertificate(ctx, info, algorithm, func() error {
		_, err := a.call(ctx, request{method: http.MethodPost, path: a.certificates(id) + "/upload-certificate", body: body, contentType: contentType})
		return err
	})
}

// SetCertificate makes a client authenticate with private_key_jwt and the first
// certificate of key, in place of its keys. It takes effect at once.
func (a *API) SetCertificate(ctx context.Context, id string, key *keys.PublicKey) error {
	chain := key.Certificates()
	if len(chain) == 0 {
		return refuse(ErrConfig, "a key without a certificate")
	}
	info, err := a.Client(ctx, id)
	if err != nil {
		return err
	}
	return a.storeCertificate(ctx, info, chain[0], string(key.Algorithm()))
}

// storeCertificate makes a certificate act by one update, which is atomic.
func (a *API) storeCertificate(ctx context.Context, info *Client, certificate *x509.Certificate, algorithm string) error {
	change := acting(algorithm)
	for _, name := range storedKeyAttributes() {
		change.Attributes[name] = ""
	}
	change.Attributes[storedCertificate] = base64.StdEncoding.EncodeToString(certificate.Raw)
	return a.update(ctx, info, change)
}

// replaceCertificate makes a call that replaces the certificate or public key,
// and then makes the new one act. It first makes an empty update, which fails
// where the last step would fail, and rolls back after an error. The server's
// cache has the old key until the last update.
func (a *API) replaceCertificate(ctx context.Context, info *Client, algorithm string, replace func() error) error {
	if err := a.update(ctx, info, Change{}); err != nil {
		return err
	}
	err := replace()
	var refused *Error
	if info.Attributes[storedCertificate] != "" && errors.As(err, &refused) && refused.Status == http.StatusInternalServerError {
		// Servers before 26.1 take no public key where a certificate is stored.
		if err := a.update(ctx, info, Change{Attributes: map[string]string{storedCertificate: ""}}); err != nil {
			return err
		}
		err = replace() // fails with an EC key too
	}
	if err == nil {
		err = a.update(ctx, info, acting(algorithm))
	}
	if err != nil { // even if only the reply was lost, with a key that the server made
		return errors.Join(err, a.rollBack(ctx, info))
	}
	return nil
}

// acting returns the change that makes the stored certificate or public key act.
func acting(algorithm string) Change {
	return Change{Method: MethodSignedJWT, KeyAlgorithm: keys.Algorithm(algorithm), Attributes: map[string]string{
		useJWKSURL: "false", useJWKSString: "false", jwksString: "",
	}}
}

// rollBack restores the client's keys if they have changed; of a private key that
// the server stored, the public part.
func (a *API) rollBack(ctx context.Context, info *Client) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout) // ctx may be what ended
	defer cancel()
	now, err := a.Client(ctx, info.ID)
	if err != nil {
		return err
	}
	before, changed := map[string]string{}, false
	for _, name := range append(storedKeyAttributes(), useJWKSURL, useJWKSString, jwksString) {
		before[name] = info.Attributes[name]
		changed = changed || now.Attributes[name] != before[name]
	}
	if !changed {
		return nil
	}
	return a.update(ctx, info, Change{Attributes: before})
}

// storedKeyAttributes are the attributes of a key outside a JWKS.
func storedKeyAttributes() []string {
	return []string{storedCertificate, storedPublicKey, credential + ".private.key", credential + ".kid"}
}

// public checks the file and reduces it to what will be sent: the certificate of
// a keystore, or of another file the part that the format names.
func (f KeyFile) public() (KeyFile, []*keys.PublicKey, error) {
	switch f.Format {
	case FormatJKS, FormatPKCS12, FormatCertificate, FormatPublicKey, FormatJWKS:
	case FormatBCFKS:
		if !f.Private {
			return f, nil, refuse(ErrConfig, "a BCFKS keystore can only be sent with its private key")
		}
		return f, nil, nil
	default:
		return f, nil, refuse(ErrConfig, "not a format of key files")
	}
	entries, err := keystore.Parse(f.Content, f.Password.Reveal())
	if err != nil {
		return f, nil, err
	}
	if f.Format.archive() {
		return f.archived()
	}
	var public []*keys.PublicKey
	for _, e := range entries {
		if e.Key != nil {
			return f, nil, refuse(ErrConfig, "the file holds a private key")
		}
		public = append(public, e.Public)
	}
	switch {
	case len(public) == 0:
		return f, nil, refuse(ErrConfig, "the file holds no key")
	case f.Format == FormatJWKS:
		return f, public, nil
	case len(public) > 1:
		return f, nil, refuse(ErrConfig, "the file holds several keys")
	case f.Format == FormatPublicKey:
		der, err := x509.MarshalPKIXPublicKey(public[0].Public())
		f.Content = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		return f, public, err
	}
	chain := public[0].Certificates()
	if len(chain) == 0 {
		return f, nil, refuse(ErrConfig, "the file holds no certificate")
	}
	f.Content = certs.PEM(chain[:1])
	return f, public, nil
}

// archived opens a keystore and, unless it is sent as it is, reduces it to the
// certificate.
func (f KeyFile) archived() (KeyFile, []*keys.PublicKey, error) {
	key, err := keystore.ParseKey(f.Content, f.Alias, f.Password.Reveal())
	if err != nil {
		return f, nil, err
	}
	public := []*keys.PublicKey{key.PublicKey()}
	if f.Private {
		return f, public, nil
	}
	chain := key.Certificates()
	if len(chain) == 0 {
		return f, nil, refuse(ErrConfig, "the entry has no certificate")
	}
	return KeyFile{Format: FormatCertificate, Content: certs.PEM(chain[:1])}, public, nil
}

func (f KeyFile) multipart() ([]byte, string, error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	fields := [][2]string{{"keystoreFormat", string(f.Format)}}
	if f.Format.archive() { // the server fails (500) if one is missing
		fields = append(fields, [2]string{"keyAlias", f.Alias}, [2]string{"storePassword", f.Password.Reveal()}, [2]string{"keyPassword", f.Password.Reveal()})
	}
	for _, field := range fields {
		if err := w.WriteField(field[0], field[1]); err != nil {
			return nil, "", err
		}
	}
	part, err := w.CreateFormFile("file", "key")
	if err != nil {
		return nil, "", err
	}
	if _, err := part.Write(f.Content); err != nil {
		return nil, "", err
	}
	err = w.Close() // writes the last boundary
	return b.Bytes(), w.FormDataContentType(), err
}
