package keycloak

import (
	"errors"

	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

// ErrPublished is the rule of the *admin.Error that [JWKSURL] returns while a
// retired key is still published.
var ErrPublished = errors.New("the old key is still at the JWKS URL")

func refuse(rule error, detail string) error { return &admin.Error{Rule: rule, Detail: detail} }
