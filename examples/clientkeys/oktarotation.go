package main

import (
	"context"
	"strings"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
)

const aboutOktaRotate = `

Okta keeps up to 50 keys of an app side by side, and two client secrets. The old
one is deactivated after --Overlap, the new one proved alone (or the old one
activated again), and the old one deleted. Where both places for secrets are
taken the command fails, unless --MakeRoom is given and one of them is inactive.

Every server at Okta knows of a change after a while, which is waited for: a
minute, or --Propagation. Without an administrator the app is a service app that
manages itself, which needs the role of a super administrator.` + aboutOktaAdmin

// oktaClient is the system Okta, for keys that are stored there and for
// secrets.
type oktaClient struct {
	oktaApp
	clientID, tokenURL, scopes string
	makeRoom                   bool
}

func (k *oktaClient) declare(o *options) {
	k.oktaApp.declare(o)
	o.text(&k.clientID, "ClientId", "c", "the app's client id (default: that of --AppId)")
	o.url(&k.tokenURL, "TokenUrl", "t", "token endpoint of a custom authorization server, to try a credential at (default: the org's own)")
	o.text(&k.scopes, "Scopes", "", "scopes to try a credential with, separated by spaces (default: it is tried by an introspection)")
	o.toggle(&k.makeRoom, "MakeRoom", "", "delete an inactive secret where both places are taken")
}

func (k *oktaClient) client() string { return k.id }

func (k *oktaClient) kinds() kinds { return keysAndSecrets }

func (k *oktaClient) provider(ofKeys bool) (selfservice.Provider, error) {
	client := &okta.Client{
		Org: k.org, AppID: k.id, ClientID: k.clientID, TokenEndpoint: k.tokenURL, Scopes: strings.Fields(k.scopes),
		Bearer: k.bearer,
	}
	if !k.administrator.isZero() {
		var err error
		if client.Admin, err = k.admin(); err != nil {
			return nil, err
		}
	}
	if ofKeys {
		return okta.JWKS{Client: client}, nil
	}
	return okta.Secrets{Client: client, Yield: func(_ context.Context, s okta.Secret) bool {
		return k.makeRoom && s.Status == okta.Inactive
	}}, nil
}
