package keys

import "errors"

// The rules that input can break. Every error about a key is an *[Error] that
// wraps one of them: errors.Is(err, keys.ErrWeak) reports which.
var (
	ErrMalformed    = errors.New("malformed")                               // not the JSON, base64, PEM or DER that it should be
	ErrTooLarge     = errors.New("too large")                               // input over 64 KiB, certificates over 32 KiB, RSA over 8192 bits
	ErrMissing      = errors.New("missing member")                          // a member that a JWK of this type must have
	ErrUnsupported  = errors.New("unsupported")                             // a key type, curve or algorithm this package does not sign with
	ErrWeak         = errors.New("weak key")                                // RSA under 2048 bits, of known factors, or with a bad exponent
	ErrInvalidPoint = errors.New("invalid point")                           // off the curve, of low order, or of another length or form
	ErrInconsistent = errors.New("inconsistent key")                        // private and public part, or algorithm and key, do not belong together
	ErrNotSigning   = errors.New("not a signing key")                       // use or key_ops say another purpose
	ErrNoPrivateKey = errors.New("no private key")                          // a public key where a private one is needed
	ErrPrivateKey   = errors.New("private or secret key among public ones") // private or symmetric members where only public ones may be
	ErrAmbiguous    = errors.New("more than one key")                       // a set where one key is needed
	ErrExists       = errors.New("file exists")                             // writing would replace a file
	ErrFileMode     = errors.New("file open to others")                     // the file system keeps no modes, as some mounted shares
	ErrSigner       = errors.New("signer failed")                           // an HSM's or KMS's signer gave an error or no signature of its key
)

// Error says which rule a key or an input broke. Its text never holds any
// part of the input.
type Error struct {
	Rule   error  // one of the Err values of this package
	Detail string // what exactly, in this package's own words; may be empty
	File   string // the name that was given to [ReadFile]; empty elsewhere

	cause func() error // a signer's own error: for errors.Is and errors.As, never printed
}

// Error returns "keys: file: rule: detail".
func (e *Error) Error() string {
	text := "keys: "
	if e.File != "" {
		text += e.File + ": "
	}
	text += e.Rule.Error()
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Unwrap returns the rule and, under [ErrSigner], the signer's own error,
// which is not in the text: a driver may put anything into it.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Rule}
	}
	return []error{e.Rule, e.cause()}
}

func refuse(rule error, detail string) error { return &Error{Rule: rule, Detail: detail} }
