package keycloak

import (
	"errors"

	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

// ErrPublished is what a key breaks that the Rotator wants removed: the old key is still at the JWKS URL.
var ErrPublished = errors.New("the old key is still at the JWKS URL")

func refuse(rule error, detail string) error { return &admin.Error{Rule: rule, Detail: detail} }
