package keycloak

import (
	"context"
	"crypto/rsa"
	"crypto/x509/pkix"
	"time"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

// Certificate rotates the key of a client for which Keycloak holds a
// certificate. There is room for one: a new key ends the old in the same
// instant, and a program that still signs with that one fails until it asks
// its Rotator again. A server of several nodes that are not the realm's Nodes
// takes up to 11 s over it, in which some accept the one and some the other
// key. [JWKS] has no such cut.
//
// The keys' kid is certs.KeyID, the one that Keycloak finds them by; a key that
// is adopted under another one is served under that.
type Certificate struct {
	*Client
	Months int // validity of new certificates; zero: 24
}

var (
	_ selfservice.Registrar = Certificate{}
	_ selfservice.Adopter   = Certificate{}
)

// Propagation returns zero: there is no old key to wait with.
func (p Certificate) Propagation() time.Duration { return 0 }

// Expires returns true: a certificate has a date.
func (p Certificate) Expires() bool { return true }

// Check is that of [JWKS].
func (p Certificate) Check(ctx context.Context, as selfservice.Credential) error {
	_, err := p.check(ctx, as, admin.MethodSignedJWT)
	return err
}

// Adopted returns the key under the kid that Keycloak finds it by. A secret is
// refused.
func (p Certificate) Adopted(c selfservice.Credential) (selfservice.Credential, error) {
	c, err := selfservice.OnlyKeys(c)
	if err == nil {
		c.Key, err = findable(c.Key)
	}
	return c, err
}

// Make returns a key like the old one with a self-signed certificate of the
// same subject, or of the client's id. It is for the New of a Rotator whose
// program needs the certificate too; the store then keeps it.
func (p Certificate) Make(ctx context.Context, like selfservice.Credential) (selfservice.Credential, error) {
	old, err := like.SigningKey(ctx)
	if err != nil {
		return selfservice.Credential{}, err
	}
	var key *keys.Key
	if pub, ok := old.PublicKey().Public().(*rsa.PublicKey); ok {
		key, err = keys.GenerateRSA(old.Algorithm(), pub.N.BitLen())
	} else {
		key, err = keys.Generate(old.Algorithm())
	}
	if err != nil {
		return selfservice.Credential{}, err
	}
	if key, err = findable(key); err != nil {
		return selfservice.Credential{}, err
	}
	subject := pkix.Name{CommonName: p.ClientID}
	if chain := old.Certificates(); len(chain) > 0 {
		subject = chain[0].Subject
	}
	key, err = certs.SelfSign(ctx, key, certs.Template{Subject: subject, Months: p.Months})
	return selfservice.Credential{Key: key}, err
}

// List returns the certificate, which Keycloak accepts beyond its own date;
// that is when the Rotator is to have replaced it.
func (p Certificate) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	a, info, err := p.manage(ctx, as, admin.MethodSignedJWT)
	if err != nil {
		return nil, p.verdict(err)
	}
	if info.StoresJWKS() || info.JWKSURL() != "" {
		return nil, refuse(admin.ErrMode, "its keys are in a JWKS")
	}
	stored, err := a.StoredKey(ctx, info.ID)
	if err != nil || stored.Certificate == nil {
		return nil, p.verdict(err)
	}
	return []selfservice.Registration{{
		KeyID: stored.KeyID, Fingerprint: stored.PublicKey.Thumbprint(),
		Created: stored.Certificate.NotBefore, Expires: stored.Certificate.NotAfter,
	}}, nil
}

// Register replaces the certificate. A key that has none gets a self-signed one
// of the subject of the one before, or of the client's id.
func (p Certificate) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	key, err := c.SigningKey(ctx)
	if err != nil {
		return selfservice.Registration{}, err
	}
	a, info, err := p.manage(ctx, as, admin.MethodSignedJWT)
	if err == nil && len(key.Certificates()) == 0 {
		key, err = p.certify(ctx, a, info, key)
	}
	if err != nil {
		return selfservice.Registration{}, p.verdict(err)
	}
	certificate := key.Certificates()[0]
	return selfservice.Registration{
		KeyID: key.KeyID(), Fingerprint: key.Thumbprint(), Created: certificate.NotBefore, Expires: certificate.NotAfter,
	}, p.verdict(a.SetCertificate(ctx, info.ID, key.PublicKey()))
}

func (p Certificate) certify(ctx context.Context, a *admin.API, info *admin.Client, key *keys.Key) (*keys.Key, error) {
	subject := pkix.Name{CommonName: p.ClientID}
	stored, err := a.StoredKey(ctx, info.ID)
	if err != nil {
		return nil, err
	}
	if stored.Certificate != nil {
		subject = stored.Certificate.Subject
	}
	return certs.SelfSign(ctx, key, certs.Template{Subject: subject, Months: p.Months})
}

// findable returns the key under the kid by which Keycloak finds it where it
// holds the key's certificate.
func findable(key *keys.Key) (*keys.Key, error) {
	return key.With(keys.Options{KeyID: certs.KeyID(key.PublicKey())})
}
