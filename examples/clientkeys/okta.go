package main

import (
	"slices"

	"github.com/nokkel/nokkel/selfservice/okta"
)

const aboutOktaAdmin = `

The administrator is a service app of the org with the scopes okta.apps.read and
okta.apps.manage and an administrator role; only a super administrator changes
an app that has been granted okta.* scopes itself. It signs in with the private
key in the file of --AdminPrivateJwkPath, and its tokens are bound to a DPoP key.
Or it is whoever made the API token in the file of --AdminTokenPath or in the
environment variable ` + tokenVariable + `.`

func oktaCommands() []command {
	return slices.Concat(
		rotating("okta", "an app's key or client secret", aboutOktaRotate, func() system { return &oktaClient{} }),
		[]command{
			{"okta status", "print how an app authenticates, its keys and its secrets", aboutOktaStatus + aboutOktaAdmin, &oktaStatus{}},
			{"okta key list", "print the public keys of an app", aboutKeyList + aboutOktaAdmin, &oktaKeyList{}},
			{"okta key add", "store one more public key for an app", aboutKeyAdd + aboutOktaAdmin, &oktaKeyAdd{}},
			{"okta key activate", "make a public key accepted again", aboutActivate + aboutOktaAdmin, &oktaSwitch{what: "key", option: "KeyId", do: (*okta.Admin).ActivateKey}},
			{"okta key deactivate", "end a public key so that it can be activated again", aboutDeactivate + aboutOktaAdmin, &oktaSwitch{what: "key", option: "KeyId", question: "Deactivate", do: (*okta.Admin).DeactivateKey}},
			{"okta key delete", "delete an inactive public key for good", aboutDelete + aboutOktaAdmin, &oktaSwitch{what: "key", option: "KeyId", question: "Delete", do: (*okta.Admin).DeleteKey}},
			{"okta secret list", "print the client secrets of an app, without their values", aboutSecretList + aboutOktaAdmin, &oktaSecretList{}},
			{"okta secret add", "make one more client secret for an app", aboutSecretAdd + aboutOktaAdmin, &oktaSecretAdd{}},
			{"okta secret activate", "make a client secret accepted again", aboutActivate + aboutOktaAdmin, &oktaSwitch{what: "client secret", option: "SecretId", do: (*okta.Admin).ActivateSecret}},
			{"okta secret deactivate", "end a client secret so that it can be activated again", aboutDeactivate + aboutOktaAdmin, &oktaSwitch{what: "client secret", option: "SecretId", question: "Deactivate", do: (*okta.Admin).DeactivateSecret}},
			{"okta secret delete", "delete an inactive client secret for good", aboutDelete + aboutOktaAdmin, &oktaSwitch{what: "client secret", option: "SecretId", question: "Delete", do: (*okta.Admin).DeleteSecret}},
		})
}
