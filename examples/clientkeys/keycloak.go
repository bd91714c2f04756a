package main

import "slices"

func keycloakCommands() []command {
	return slices.Concat(
		rotating("keycloak", "a client's key or secret", aboutKeycloakRotate, func() system { return &keycloakClient{} }),
		rotating("keycloak certificate", "a client's certificate", aboutCertificateRotate, func() system { return &keycloakCertificate{} }),
		[]command{
			{"keycloak status", "print what Keycloak knows of a client's credentials", aboutKeycloakStatus + aboutAdmin, &keycloakStatus{}},
			{"keycloak policy create", "make old client secrets live on for a while", aboutPolicyCreate + aboutAdmin, newPolicyCreate()},
			{"keycloak policy show", "print the rotation policies of a realm", aboutPolicyShow + aboutAdmin, &policyShow{}},
			{"keycloak policy enable", "make a policy act again", aboutPolicyEnable + aboutAdmin, &policySwitch{enable: true}},
			{"keycloak policy disable", "make a policy act no more, and keep it", aboutPolicyDisable + aboutAdmin, &policySwitch{}},
			{"keycloak policy delete", "delete a policy and its profile", aboutPolicyDelete + aboutAdmin, &policyDelete{}},
			{"keycloak role create", "define a role on a client, for a policy to name", aboutRoleCreate + aboutAdmin, &roleCreate{}},
			{"keycloak client confidential", "give a client credentials that it must log in with", aboutClientConfidential + aboutAdmin, &clientConfidential{}},
			{"keycloak secret regenerate", "have Keycloak make a new client secret", aboutSecretRegenerate + aboutAdmin, &secretRegenerate{}},
			{"keycloak secret rotated", "print or save the client secret before the main one", aboutSecretRotated + aboutAdmin, &secretRotated{}},
			{"keycloak secret invalidate", "end the client secret before the main one", aboutSecretInvalidate + aboutAdmin, &secretInvalidate{}},
			{"keycloak key upload", "store public keys or a certificate for a client", aboutKeyUpload + aboutAdmin, &keyUpload{}},
			{"keycloak key generate", "have Keycloak make a key and save it as a keystore", aboutKeyGenerate + aboutAdmin, &keyGenerate{}},
			{"keycloak key download", "save the key that Keycloak has stored as a keystore", aboutKeyDownload + aboutAdmin, &keyDownload{}},
			{"keycloak jwksurl set", "have Keycloak fetch a client's keys from a URL", aboutJWKSURLSet + aboutAdmin, &jwksURLSet{}},
			{"keycloak cache clear", "make Keycloak forget the keys that it has cached", aboutCacheClear + aboutAdmin, &cacheClear{}},
		})
}
