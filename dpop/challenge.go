package dpop

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/internal/respbody"
)

const (
	maxNonce     = 1024     // bytes; real ones have 20 to 300
	maxErrorBody = 64 << 10 // bytes of an error answer that are inspected
)

// The "error" values of RFC 9449 §7.1, §8 and §12.2 that a client can act on.
const (
	errorUseNonce       = "use_dpop_nonce"
	errorInvalidProof   = "invalid_dpop_proof"
	errorInvalidRequest = "invalid_request" // Keycloak's word for a bad proof
	errorInvalidToken   = "invalid_token"
)

// nonceOf returns the nonce of an answer, "" when it has none that may be
// used: there must be one header of 1*NQCHAR (RFC 9449 §8, §8.1), and its
// length is bounded since it goes into every proof.
func nonceOf(h http.Header) string {
	values := h.Values("DPoP-Nonce")
	if len(values) != 1 || len(values[0]) > maxNonce {
		return ""
	}
	for _, c := range []byte(values[0]) {
		if c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return ""
		}
	}
	return values[0]
}

// errorCodes returns what the answer gives as the reason: the "error" of its
// DPoP challenges, as a resource server says it (RFC 9449 §7.1), and that of
// a JSON body, as a token endpoint does (RFC 6749 §5.2). Servers mix the two
// up, with status 400 and 401. The body stays readable; it is not waited for
// when the header says all that there is to know, nor longer than respbody.Wait.
func errorCodes(resp *http.Response) []string {
	codes := challengeErrors(resp.Header, "DPoP")
	if slices.Contains(codes, errorUseNonce) {
		return codes
	}
	var head []byte
	head, resp.Body, _ = respbody.Head(resp.Body, maxErrorBody, respbody.Wait)
	var e struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(head, &e) == nil && e.Error != "" {
		codes = append(codes, e.Error)
	}
	return codes
}

// challengeErrors returns the "error" parameters of all challenges of a scheme.
func challengeErrors(h http.Header, scheme string) []string {
	var codes []string
	for _, value := range h.Values("WWW-Authenticate") {
		p := challengeParser{rest: value}
		for p.next() {
			if strings.EqualFold(p.scheme, scheme) && strings.EqualFold(p.name, "error") {
				codes = append(codes, p.value)
			}
		}
	}
	return codes
}

// challengeParser walks through the parameters of a WWW-Authenticate value,
// a list of challenges that is itself cut by commas (RFC 9110 §11.6.1). It
// ends where the value stops being well-formed: what a parameter's text says
// is never taken for a challenge.
type challengeParser struct {
	rest                string
	scheme, name, value string // of the current parameter
}

// next goes to the next parameter.
func (p *challengeParser) next() bool {
	for {
		element := strings.TrimLeft(p.rest, " \t,")
		newElement := p.scheme == "" || strings.Contains(p.rest[:len(p.rest)-len(element)], ",")
		p.rest = element
		word := p.token()
		if word == "" {
			return false
		}
		after := strings.TrimLeft(p.rest, " \t")
		if strings.HasPrefix(after, "=") && p.scheme != "" {
			p.name, p.rest = word, strings.TrimLeft(after[1:], " \t")
			return p.parameter()
		}
		// Not a parameter: the scheme of a new challenge, alone or before a space.
		alone := after == "" || after[0] == ','
		if !newElement || !alone && after == p.rest {
			return false
		}
		p.scheme, p.rest = word, after
		p.skipToken68()
	}
}

// parameter reads the value after "name=" up to the comma or the end.
func (p *challengeParser) parameter() bool {
	ok := true
	if strings.HasPrefix(p.rest, `"`) {
		p.value, ok = p.quoted()
	} else {
		p.value = p.token()
		ok = p.value != ""
	}
	p.rest = strings.TrimLeft(p.rest, " \t")
	if p.rest != "" && p.rest[0] != ',' {
		p.rest = "" // ill-formed from here on, and this value may be cut short
		return false
	}
	return ok
}

// token reads 1*tchar (RFC 9110 §5.6.2).
func (p *challengeParser) token() string {
	n := 0
	for n < len(p.rest) && tchar(p.rest[n]) {
		n++
	}
	word := p.rest[:n]
	p.rest = p.rest[n:]
	return word
}

// quoted reads a quoted-string (RFC 9110 §5.6.4).
func (p *challengeParser) quoted() (string, bool) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.rest = p.rest[i+1:]
			return b.String(), true
		case c == '\\' && i+1 < len(p.rest):
			i++
			b.WriteByte(p.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	p.rest = ""
	return "", false
}

// skipToken68 leaves out the other form of a challenge (RFC 9110 §11.2), one
// word such as a Negotiate token, which ends at a comma or the end.
func (p *challengeParser) skipToken68() {
	n := 0
	for n < len(p.rest) && (tchar(p.rest[n]) || p.rest[n] == '/') {
		n++
	}
	after := strings.TrimLeft(strings.TrimLeft(p.rest[n:], "="), " \t")
	if n > 0 && (after == "" || after[0] == ',') {
		p.rest = after
	}
}

func tchar(c byte) bool {
	return unreserved(c) || strings.IndexByte("!#$%&'*+^`|", c) >= 0
}
