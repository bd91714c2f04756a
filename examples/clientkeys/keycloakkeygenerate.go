package main

import (
	"context"
	"fmt"
)

const aboutKeyGenerate = `Has Keycloak make an RSA key and a certificate for a client, in place of the keys
that it has, and saves both as a keystore. Keycloak keeps the certificate only.
The old key ends at once. A key that is made here never leaves this machine:
prefer generatecertificate and "keycloak key upload".`

// keyGenerate is the command "keycloak key generate".
type keyGenerate struct {
	keystoreOptions
	consent
	bits, years int
}

func (k *keyGenerate) declare(o *options) {
	k.keystoreOptions.declare(o)
	o.number(&k.bits, "KeySize", "ks", "bits of the key (default: the server's choice; Keycloak 26.3 or later)")
	o.number(&k.years, "ValidityYears", "vy", "how long the certificate is valid (default: the server's choice; Keycloak 26.3 or later)")
	k.consent.declare(o)
}

func (k *keyGenerate) run(ctx context.Context, c *console) error {
	w, err := k.wanted()
	if err != nil {
		return err
	}
	w.Bits, w.Years = k.bits, k.years
	api, info, err := k.find(ctx)
	if err != nil {
		return err
	}
	if err := k.ask(ctx, c, "Replace all keys of client %q by one that Keycloak makes?", k.clientID); err != nil {
		return err
	}
	if err := k.reserve(); err != nil {
		return err
	}
	content, err := api.GenerateKeystore(uninterrupted(ctx), info.ID, w)
	return k.deliver(c, content, err, w)
}

const aboutKeyDownload = `Saves as a keystore the private key and the certificate that Keycloak has stored
for a client: where it has made the key and kept it, or was sent it.`

// keyDownload is the command "keycloak key download".
type keyDownload struct{ keystoreOptions }

func (k *keyDownload) run(ctx context.Context, c *console) error {
	w, err := k.wanted()
	if err != nil {
		return err
	}
	api, info, err := k.find(ctx)
	if err != nil {
		return err
	}
	if err := k.reserve(); err != nil {
		return err
	}
	content, err := api.DownloadKeystore(ctx, info.ID, w)
	if err != nil {
		err = fmt.Errorf("nothing was saved: %w", err)
	}
	return k.deliver(c, content, err, w)
}
