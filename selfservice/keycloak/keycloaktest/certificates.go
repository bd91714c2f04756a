package keycloaktest

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys"
)

const (
	certificateAttribute = "jwt.credential.certificate"
	publicKeyAttribute   = "jwt.credential.public.key"
	privateKeyAttribute  = "jwt.credential.private.key"
	kidAttribute         = "jwt.credential.kid"
)

func (s *Server) getCertificate(_ *realm, c *client, w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, c.certificate())
}

// certificate returns what the server shows of the client's key: the first key of
// a stored JWKS, or the certificate or public key.
func (c *client) certificate() map[string]string {
	body := map[string]string{}
	if c.attributes["use.jwks.string"] == "true" {
		for _, k := range usable([]byte(c.attributes["jwks.string"]), true) {
			if der, err := x509.MarshalPKIXPublicKey(k.Key); err == nil {
				return map[string]string{"publicKey": base64.StdEncoding.EncodeToString(der), "kid": k.KeyID}
			}
		}
	}
	for name, attribute := range map[string]string{
		"certificate": certificateAttribute, "publicKey": publicKeyAttribute, "privateKey": privateKeyAttribute, "kid": kidAttribute,
	} {
		if v := c.attributes[attribute]; v != "" {
			body[name] = v
		}
	}
	return body
}

// postCertificate carries out one operation. None of them clears the cache of the
// client's keys.
func (s *Server) postCertificate(_ *realm, c *client, w http.ResponseWriter, r *http.Request) {
	switch r.PathValue("operation") {
	case "generate":
		key, err := generate(c, 2048)
		if err != nil {
			crash(w)
			return
		}
		der, err := x509.MarshalPKCS8PrivateKey(key.Signer())
		if err != nil {
			crash(w)
			return
		}
		c.store(key)
		c.attributes[privateKeyAttribute] = base64.StdEncoding.EncodeToString(der)
		answer(w, http.StatusOK, c.certificate())
	case "generate-and-download":
		s.keystore(c, w, r, func(bits int) (*keys.Key, error) {
			key, err := generate(c, bits)
			if err == nil {
				c.store(key)
			}
			return key, err
		})
	case "download":
		der, err := base64.StdEncoding.DecodeString(c.attributes[privateKeyAttribute])
		if err != nil || len(der) == 0 {
			fail(w, http.StatusNotFound, "keypair not generated for client", "")
			return
		}
		s.keystore(c, w, r, func(int) (*keys.Key, error) { return c.stored(der) })
	case "upload", "upload-certificate":
		s.upload(c, w, r)
	default:
		fail(w, http.StatusNotFound, "HTTP 404 Not Found", "")
	}
}

func generate(c *client, bits int) (*keys.Key, error) {
	key, err := keys.GenerateRSA(keys.RS256, bits)
	if err != nil {
		return nil, err
	}
	return certs.SelfSign(context.Background(), key, certs.Template{Subject: pkix.Name{CommonName: c.clientID}, Months: 36})
}

// store replaces what was there by the certificate of a key.
func (c *client) store(key *keys.Key) {
	c.replaceKey()
	c.attributes[certificateAttribute] = base64.StdEncoding.EncodeToString(key.Certificates()[0].Raw)
}

func (c *client) stored(private []byte) (*keys.Key, error) {
	der, err := base64.StdEncoding.DecodeString(c.attributes[certificateAttribute])
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	return keys.Parse(text, keys.Options{Certificates: []*x509.Certificate{certificate}})
}

func (c *client) replaceKey() {
	for _, name := range []string{certificateAttribute, publicKeyAttribute, privateKeyAttribute, kidAttribute, "use.jwks.string", "jwks.string"} {
		delete(c.attributes, name)
	}
}

func (s *Server) keystore(c *client, w http.ResponseWriter, r *http.Request, get func(bits int) (*keys.Key, error)) {
	config := struct {
		Format   string `json:"format"`
		Alias    string `json:"keyAlias"`
		Password string `json:"storePassword"`
		Bits     int    `json:"keySize"`
	}{Alias: c.clientID, Bits: 4096}
	if json.NewDecoder(r.Body).Decode(&config) != nil {
		failAdmin(w, http.StatusBadRequest, "unable to read contents from stream")
		return
	}
	write := map[string]func(*keys.Key, string, string) ([]byte, error){
		"PKCS12": keystore.MarshalLegacyPKCS12, "JKS": keystore.MarshalJKS, // the old style, which the server uses too
	}[config.Format]
	switch {
	case config.Format == "":
		crash(w)
		return
	case write == nil:
		fail(w, http.StatusNotAcceptable, "Only support PKCS12, JKS or BCFKS format.", "")
		return
	case config.Password == "":
		fail(w, http.StatusBadRequest, "password-missing", "Need to specify a store password for jks generation and download")
		return
	}
	key, err := get(config.Bits)
	if err != nil {
		crash(w)
		return
	}
	archive, err := write(key, config.Alias, config.Password)
	if err != nil {
		crash(w)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(archive)
}

func (s *Server) upload(c *client, w http.ResponseWriter, r *http.Request) {
	file, _, err := r.FormFile("file")
	if err != nil {
		fail(w, http.StatusBadRequest, "file cannot be empty", "")
		return
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		crash(w)
		return
	}
	switch format := r.FormValue("keystoreFormat"); format {
	case "":
		fail(w, http.StatusBadRequest, "keystoreFormat cannot be null", "")
		return
	case "Certificate PEM":
		block, _ := pem.Decode(content)
		if block == nil || block.Type != "CERTIFICATE" {
			crash(w)
			return
		}
		c.replaceKey()
		c.attributes[certificateAttribute] = base64.StdEncoding.EncodeToString(block.Bytes)
	case "Public Key PEM":
		block, _ := pem.Decode(content)
		if block == nil {
			crash(w)
			return
		}
		c.replaceKey()
		c.attributes[publicKeyAttribute] = base64.StdEncoding.EncodeToString(block.Bytes)
	case "JSON Web Key Set":
		if len(usable(content, true)) == 0 {
			fail(w, http.StatusBadRequest, "certificate-not-found", "Certificate or key with given alias not found in the keystore")
			return
		}
		c.replaceKey()
		c.attributes["use.jwks.string"], c.attributes["jwks.string"] = "true", string(content)
	case "JKS", "PKCS12":
		if !s.uploadKeystore(c, w, r, content) {
			return
		}
	default:
		crash(w)
		return
	}
	answer(w, http.StatusOK, c.certificate())
}

// uploadKeystore stores the certificate of an entry and, as the server does,
// its private key.
func (s *Server) uploadKeystore(c *client, w http.ResponseWriter, r *http.Request, content []byte) bool {
	alias := r.FormValue("keyAlias")
	if alias == "" {
		crash(w)
		return false
	}
	if _, err := keystore.Parse(content, r.FormValue("storePassword")); err != nil {
		fail(w, http.StatusBadRequest, "error loading keystore", "")
		return false
	}
	key, err := keystore.ParseKey(content, alias, r.FormValue("keyPassword"))
	if err != nil || len(key.Certificates()) == 0 {
		fail(w, http.StatusBadRequest, "certificate-not-found", "Certificate or key with given alias not found in the keystore")
		return false
	}
	der, err := x509.MarshalPKCS8PrivateKey(key.Signer())
	if err != nil {
		crash(w)
		return false
	}
	c.store(key)
	c.attributes[privateKeyAttribute] = base64.StdEncoding.EncodeToString(der)
	return true
}
