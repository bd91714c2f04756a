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

// Certificate rotates the key of a client for which Keycloak stores a
// certificate. It stores one: a new key ends the old at once, and a program that
// signs with the old one is refused until it asks its Rotator again. A cluster
// whose nodes are not in Realm.Nodes takes up to 11 s from the first request with
// the new key at each node, in which some nodes accept the old key and some the new
// one. [JWKS] has no such gap.
//
// The kid of the keys is certs.KeyID, by which Keycloak finds them. A key that is
// adopted under another kid is served under this one.
type Certificate struct {
	*Client
	Months int // validity of new certificates; zero: 24
}

var (
	_ selfservice.Registrar = Certificate{}
	_ selfservice.Adopter   = Certificate{}
	_ selfservice.Remover   = Certificate{}
)

// Propagation returns zero: the old key ends at once, so waiting is of no use.
func (p Certificate) Propagation() time.Duration { return 0 }

// Expires returns true: certificates expire.
func (p Certificate) Expires() bool { return true }

// Check is like [JWKS.Check].
func (p Certificate) Check(ctx context.Context, as selfservice.Credential) error {
	_, err := p.check(ctx, as, admin.MethodSignedJWT)
	return err
}

// Adopted returns the key under the kid by which Keycloak finds it. It refuses
// what [JWKS.Adopted] does.
func (p Certificate) Adopted(c selfservice.Credential) (selfservice.Credential, error) {
	c, err := adopted(c)
	if err == nil {
		c.Key, err = findable(c.Key)
	}
	return c, err
}

// Make returns a key like the old one, with a self-signed certificate for the
// same subject, or for the client's id. Use it as the Rotator's New if the
// program needs the certificate, which is then stored with the key.
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

// List returns the certificate and when it expires. Keycloak accepts it even
// after that.
func (p Certificate) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	a, info, err := p.manage(ctx, as, admin.MethodSignedJWT)
	if err != nil {
		return nil, p.verdict(err)
	}
	if err := inJWKS(info); err != nil {
		return nil, err
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

// Remove calls [Client.ReloadKeys]. The new certificate has ended the old key, but
// a node that nobody has shown the new one accepts the old for as long as it is
// used there.
func (p Certificate) Remove(ctx context.Context, as selfservice.Credential, _ selfservice.Registration) error {
	return p.ReloadKeys(ctx, as)
}

// Register replaces the certificate. A key without one gets a self-signed
// certificate for the subject of the old one, or for the client's id.
func (p Certificate) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	key, err := c.SigningKey(ctx)
	if err != nil {
		return selfservice.Registration{}, err
	}
	a, info, err := p.manage(ctx, as, admin.MethodSignedJWT)
	if err == nil {
		err = inJWKS(info)
	}
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

// inJWKS returns an error for a client whose keys are in a JWKS, which may hold
// other programs' too. A certificate would replace them all.
func inJWKS(info *admin.Client) error {
	if info.StoresJWKS() || info.JWKSURL() != "" {
		return refuse(admin.ErrMode, "its keys are in a JWKS")
	}
	return nil
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

// findable returns the key under the kid by which Keycloak finds the key of a
// certificate.
func findable(key *keys.Key) (*keys.Key, error) {
	kid := certs.KeyID(key.PublicKey())
	if key.KeyID() == kid { // most often: each step of a Rotator asks
		return key, nil
	}
	return key.With(keys.Options{KeyID: kid})
}
