package main

import (
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/selfservice/okta"
)

// tokenVariable holds the administrator's API token where no option gives it.
const tokenVariable = "CLIENTKEYS_ADMIN_TOKEN"

// oktaApp holds the options that say which app of an org, and who manages it.
type oktaApp struct {
	administrator
	org    okta.Org
	id     string
	bearer bool
}

func (a *oktaApp) declare(o *options) {
	o.requiredURL(&a.org.URL, "OktaUrl", "u", "the org's URL, like https://acme.okta.com, not the one with -admin")
	o.required(&a.id, "AppId", "app", "the app's id, 0oa...")
	a.administrator.declare(o, credentialFile{option: "AdminTokenPath", variable: tokenVariable}, "atp", "the administrator's API token")
	o.toggle(&a.bearer, "Bearer", "", "for apps whose tokens are not bound to a DPoP key")
}

// prover is what tokens are bound to a key by, or nil.
func (a *oktaApp) prover() *dpop.Prover {
	if a.bearer {
		return nil
	}
	return &dpop.Prover{}
}

func (a *oktaApp) admin() (*okta.Admin, error) {
	key, token, err := a.credential()
	switch {
	case err != nil:
		return nil, err
	case key == nil:
		return &okta.Admin{Org: a.org, APIToken: token}, nil
	case a.adminID == "":
		return nil, errNoAdmin
	}
	return &okta.Admin{Org: a.org, Tokens: adminTokens{a.org.Tokens(a.org.Signer(a.adminID, key), a.prover()), a.adminID}}, nil
}
