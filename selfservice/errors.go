package selfservice

import "errors"

// The errors of a rotation. Those of this package and of providers wrap them.
var (
	ErrInvalidClient = errors.New("selfservice: the server does not accept the credential")
	ErrLimit         = errors.New("selfservice: the server has no room for another credential")
	ErrConflict      = errors.New("selfservice: the stored state has changed meanwhile")
	ErrCorrupt       = errors.New("selfservice: the stored state cannot be read")
	ErrNotAdopted    = errors.New("selfservice: no credential has been adopted")
	ErrLockedOut     = errors.New("selfservice: no stored credential is accepted by the server")
	ErrExpired       = errors.New("selfservice: the credential has expired")
	ErrOverdue       = errors.New("selfservice: the credential should have been replaced by now")
	ErrConfig        = errors.New("selfservice: invalid configuration")
)
