package main

import (
	"errors"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
)

func keycloakRotations() []command {
	return append(
		rotating("keycloak", keycloakProvider, clientOptions(toggle("Cut", "cut", "replace a secret even where the old one ends at once"), existingSecret())...),
		rotating("keycloak certificate", certificateProvider, clientOptions(number("ValidityMonths", "vm", "how long new certificates are valid, in months (default 24)"))...)...)
}

func keycloakProvider(in *input, ofKeys bool) (selfservice.Provider, error) {
	client, err := in.keycloakClient()
	if ofKeys {
		return keycloak.JWKS{Client: client}, err
	}
	return keycloak.Secret{Client: client, KeepOld: !in.on("Cut")}, err
}

func certificateProvider(in *input, _ bool) (selfservice.Provider, error) {
	client, err := in.keycloakClient()
	return keycloak.Certificate{Client: client, Months: in.number("ValidityMonths")}, err
}

// keycloakClient is the client as its provider wants it.
func (in *input) keycloakClient() (*keycloak.Client, error) {
	client := &keycloak.Client{Realm: in.realm(), ClientID: in.text("ClientId"), DPoP: in.on("DPoP")}
	var err error
	if client.Admin, err = in.keycloakAdmin(); errors.Is(err, errNoAdmin) {
		err = nil
	}
	return client, err
}
