package dpop

import (
	"crypto/subtle"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/internal/htu"
	"github.com/nokkel/nokkel/internal/strictjson"
)

// The longest "jti" that is accepted, in bytes. A UUID has 36, 128 bits are 22.
const maxID = 256

// claims are those that mean something in a proof (RFC 9449 §4.2).
type claims struct {
	jti, htm, htu, ath, nonce string
	iat, exp, nbf             *int64
}

// readClaims reads the payload. A claim of another type than it should have is
// refused also where it is not needed.
func readClaims(text []byte) (c claims, err error) {
	wrong := false
	ok := strictjson.Object(text, func(name, value []byte) bool {
		good := true
		switch string(name) {
		case "jti":
			c.jti, good = strictjson.Text(value)
		case "htm":
			c.htm, good = strictjson.Text(value)
		case "htu":
			c.htu, good = strictjson.Text(value)
		case "ath":
			c.ath, good = strictjson.Text(value)
		case "nonce":
			c.nonce, good = strictjson.Text(value)
		case "iat":
			c.iat, good = seconds(value)
		case "exp":
			c.exp, good = seconds(value)
		case "nbf":
			c.nbf, good = seconds(value)
		default:
			return !otherSpelling(name, "jti", "htm", "htu", "ath", "nonce", "iat", "exp", "nbf")
		}
		wrong = wrong || !good
		return true
	})
	switch {
	case !ok:
		err = refuseProof(ErrProofMalformed, "the payload is not one JSON object with each member once, in the right case")
	case wrong:
		err = refuseProof(ErrProofClaims, "a claim is of the wrong type")
	case c.jti == "" || len(c.jti) > maxID:
		err = refuseProof(ErrProofClaims, "jti is missing, empty or over 256 bytes")
	case c.htm == "" || c.htu == "":
		err = refuseProof(ErrProofClaims, "htm or htu is missing or empty")
	case c.iat == nil:
		err = refuseProof(ErrProofClaims, "iat is missing")
	}
	return c, err
}

// maxSeconds is the year 9999, the last that dates are written with.
const maxSeconds = 253402300799

// seconds reads a NumericDate of RFC 7519 §2 in whole seconds, written as such.
func seconds(value []byte) (*int64, bool) {
	n, err := strconv.ParseInt(string(value), 10, 64)
	return &n, err == nil && n >= 0 && n <= maxSeconds && value[0] != '-'
}

// match compares what a proof says with the request that carries it.
func (v *Verifier) match(p *parsedProof, r Request) (*Checked, error) {
	now, c, token := time.Now(), &p.claims, r.Token.Reveal()
	issued := time.Unix(*c.iat, 0)
	jkt := p.key.Thumbprint()
	switch {
	case c.htm != r.Method:
		return nil, refuseProof(ErrProofMethod, "")
	case !htu.Matches(c.htu, r.URL):
		return nil, refuseProof(ErrProofURL, difference(c.htu, r.URL))
	}
	until, err := v.lifetime(c, issued, now)
	if err != nil {
		return nil, err
	}
	switch {
	case token != "" && c.ath == "":
		return nil, refuseProof(ErrProofToken, "there is none")
	case token != "" && !same(c.ath, tokenHash(token)):
		return nil, refuseProof(ErrProofToken, "")
	case r.JKT == "" && token != "" && !r.AnyKey:
		return nil, refuseProof(ErrProofBinding, "the token is bound to none")
	case r.JKT != "" && !same(r.JKT, jkt):
		return nil, refuseProof(ErrProofBinding, "")
	}
	if v.Nonces != nil {
		if err := v.Nonces.check(c.nonce, now); err != nil {
			return nil, err
		}
	}
	owner := thumbprint(jkt)
	return &Checked{
		Key: p.key, JKT: jkt, ID: c.jti, Nonce: c.nonce, IssuedAt: issued,
		entry: Entry{ID: entryID(owner, c.jti), Owner: owner, Until: until},
	}, nil
}

// difference says why "htu" is refused, and quotes neither URL. Behind a proxy
// it is mostly the scheme.
func difference(claim, request string) string {
	switch htu.Difference(claim, request) {
	case "https":
		return "another scheme (https here)"
	case "http":
		return "another scheme (http here): see BaseURL and TrustedProxies"
	case "host":
		return "another host or port"
	case "path":
		return "another path"
	case "claim":
		return "it is not an absolute http or https URL in ASCII, without user info"
	}
	return "no proof can name the URL of the request"
}

// lifetime returns when a proof ends, and refuses one outside the window.
// "exp" and "nbf" are not asked for, but hold where they are (RFC 7519 §4.1).
func (v *Verifier) lifetime(c *claims, issued, now time.Time) (until time.Time, err error) {
	until = issued.Add(v.window() + v.skew())
	off := issued.Sub(now)
	detail := ""
	switch {
	case off > v.skew():
		detail = "iat is " + shown(off) + " in the future"
	case !now.Before(until):
		detail = "iat is " + shown(-off) + " ago"
	case c.exp != nil && !now.Before(time.Unix(*c.exp, 0).Add(v.skew())):
		detail = "exp has passed"
	case c.nbf != nil && time.Unix(*c.nbf, 0).Sub(now) > v.skew():
		detail = "nbf is to come"
	default:
		return until, nil
	}
	return until, &ProofError{Rule: ErrProofTime, Detail: detail, Skew: off}
}

// shown is a duration in whole seconds: "3600 s".
func shown(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 0, 64) + " s"
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
