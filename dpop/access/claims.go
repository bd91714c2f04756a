package access

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/internal/strictjson"
)

const maxDate = 253402300799 // the end of the year 9999, in seconds

// claims are the members of a JWT's payload or of an introspection answer, as
// they are written. The first rule that is broken stays in err.
type claims struct {
	members map[string][]byte
	err     error
}

// readClaims reads one JSON object; nil when it is none.
func readClaims(text []byte) *claims {
	members := make(map[string][]byte, 16)
	if !strictjson.Object(text, func(name, value []byte) bool {
		members[string(name)] = value
		return true
	}) {
		return nil
	}
	return &claims{members: members}
}

func (c *claims) has(name string) bool { return c.members[name] != nil }

func (c *claims) fail(rule error, detail string) {
	if c.err == nil {
		c.err = refuse(rule, detail)
	}
}

// text returns a string claim, "" when it is absent.
func (c *claims) text(name string) string {
	if !c.has(name) {
		return ""
	}
	text, ok := strictjson.Text(c.members[name])
	if !ok || !printable(text) {
		c.fail(ErrClaim, name+" is not a string, or holds control characters")
		return ""
	}
	return text
}

// need is text for a claim that must be there.
func (c *claims) need(name, text string) string {
	if text == "" {
		c.fail(ErrClaim, name+" is missing")
	}
	return text
}

// texts returns a claim that is a string or an array of strings.
func (c *claims) texts(name string) (list []string, single bool) {
	if !c.has(name) {
		return nil, false
	}
	if c.members[name][0] == '"' {
		return []string{c.text(name)}, true
	}
	var pointers []*string // null in an array leaves a string as it was
	ok := json.Unmarshal(c.members[name], &pointers) == nil && pointers != nil
	for _, p := range pointers {
		if ok = ok && p != nil && printable(*p); ok {
			list = append(list, *p)
		}
	}
	if !ok {
		c.fail(ErrClaim, name+" is neither a string nor an array of strings")
		return nil, false
	}
	return list, false
}

// scopes reads "scope" (RFC 9068 §2.2.3), also as an array, in which Duende's
// server (HelseID) has it, and Okta's "scp".
func (c *claims) scopes() []string {
	name := "scope"
	if !c.has(name) {
		name = "scp"
	}
	list, single := c.texts(name)
	if single {
		return strings.FieldsFunc(list[0], func(r rune) bool { return r == ' ' })
	}
	return list
}

// clientID reads "client_id" (RFC 9068 §2.2); "azp", which is all that Keycloak
// writes for a person's login, and Okta's "cid".
func (c *claims) clientID() string {
	for _, name := range []string{"client_id", "azp", "cid"} {
		if id := c.text(name); id != "" {
			return id
		}
	}
	return ""
}

// date reads a NumericDate (RFC 7519 §2): seconds as a plain decimal number,
// whose fraction is dropped.
func (c *claims) date(name string) (date time.Time, there bool) {
	if !c.has(name) {
		return time.Time{}, false
	}
	whole, fraction, _ := strings.Cut(string(c.members[name]), ".")
	seconds, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || seconds > maxDate || strings.Trim(fraction, "0123456789") != "" {
		c.fail(ErrClaim, name+" is not a number of seconds")
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// times checks "exp", "nbf" and "iat", and returns "exp".
func (c *claims) times(now time.Time, leeway time.Duration) time.Time {
	expires, there := c.date("exp")
	if there && !now.Before(expires.Add(leeway)) {
		c.fail(ErrExpired, "")
	}
	for _, name := range []string{"nbf", "iat"} {
		if from, there := c.date(name); there && now.Add(leeway).Before(from) {
			c.fail(ErrNotYet, name)
		}
	}
	return expires
}

// confirmation reads "cnf" (RFC 7800 §3.1). A token that is bound in another
// way than the two known ones, or in a way that is cut off, is not a bearer token.
func (c *claims) confirmation(t *dpop.Token) {
	if !c.has("cnf") {
		return
	}
	cnf := readClaims(c.members["cnf"])
	if cnf == nil {
		c.fail(ErrBinding, "cnf is not an object")
		return
	}
	hash := func(name string) string {
		if !cnf.has(name) {
			return ""
		}
		text, _ := strictjson.Text(cnf.members[name])
		if !isHash(text) {
			c.fail(ErrBinding, name+" is not the base64url of 32 bytes")
		}
		return text
	}
	t.JKT, t.X5T = hash("jkt"), hash("x5t#S256")
	if t.JKT == "" && t.X5T == "" {
		c.fail(ErrBinding, "cnf has neither jkt nor x5t#S256")
	}
}

// token returns what the claims say, checked against the clock.
func (c *claims) token(raw []byte, now time.Time, leeway time.Duration) *dpop.Token {
	t := &dpop.Token{
		Issuer:   c.text("iss"),
		Subject:  c.text("sub"),
		ClientID: c.clientID(),
		Scopes:   c.scopes(),
		Expires:  c.times(now, leeway),
		Claims:   raw,
	}
	t.Audience, _ = c.texts("aud")
	c.confirmation(t)
	return t
}

// accessToken refuses tokens of other kinds, which have the header of access
// tokens at many servers. Keycloak's say in the claim "typ" what they are. An ID
// token may have a nonce, hashes of what came with it (OpenID Connect Core §2,
// §3.3.2.11; FAPI 1.0 part 2 §5.1), a logout token has events.
func (c *claims) accessToken() {
	typ := c.text("typ")
	if typ != "" && typ != "Bearer" && typ != "DPoP" {
		c.fail(ErrType, "the claim typ is neither Bearer nor DPoP")
	}
	for _, name := range []string{"at_hash", "c_hash", "s_hash", "events", "nonce"} {
		// Access tokens had a nonce at Keycloak before 25.0, and have it with its
		// mapper for backwards compatibility.
		if c.has(name) && (name != "nonce" || typ == "") {
			c.fail(ErrType, "it has the claim "+name+", which access tokens do not have")
		}
	}
}

// isHash reports whether s is the base64url of a SHA-256 in its one spelling.
func isHash(s string) bool {
	var hash [33]byte // the decoder wants room for whole groups
	if len(s) != 43 || strings.ContainsAny(s, "\r\n") {
		return false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(hash[:], []byte(s))
	return err == nil && n == 32
}

// printable refuses what no identifier holds and logs and databases stumble on.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
