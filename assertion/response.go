package assertion

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	// Strict where encoding/json is not: names match in their own case only,
	// and a member that comes twice refuses the object, so that no two
	// readers of an answer take different tokens out of it.
	"github.com/go-jose/go-jose/v4/json"

	"github.com/nokkel/nokkel/internal/strictjson"
)

const (
	maxAnswer        = 256 << 10 // a token answer or metadata
	maxHeader        = 256 << 10 // of an answer
	maxTokenLifetime = 24 * time.Hour
)

// answer is the success answer of a token endpoint (RFC 6749 §5.1).
type answer struct {
	token    string
	typ      string // "Bearer" or "DPoP"
	lifetime time.Duration
	scope    *string
	body     string
}

// readAnswer reads an answer that is not an error by its status.
func readAnswer(resp *http.Response) (answer, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return answer{}, err
	}
	if len(body) > maxAnswer {
		return answer{}, refusal(ErrTooLarge, resp)
	}
	var members map[string]json.RawMessage
	parseErr := json.Unmarshal(body, &members)
	if parseErr != nil || members == nil {
		return answer{}, malformed(resp, "the answer is not a JSON object")
	}
	a, err := parseAnswer(members)
	if e, ok := err.(*Error); ok {
		e.Status = resp.StatusCode
	}
	a.body = string(body)
	return a, err
}

// checkHeader refuses a header that nobody should keep: golang.org/x/oauth2 has
// it in its errors.
func checkHeader(resp *http.Response) error {
	size := 0
	for name, values := range resp.Header {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	if size > maxHeader {
		return &Error{Rule: ErrTooLarge, Detail: "a response header over 256 KiB", Status: resp.StatusCode}
	}
	return nil
}

func malformed(resp *http.Response, detail string) error {
	return &Error{Rule: ErrMalformed, Detail: detail, Status: resp.StatusCode}
}

// parseAnswer takes the members of a success answer.
func parseAnswer(members map[string]json.RawMessage) (a answer, err error) {
	var ok bool
	if a.token, ok, _ = text(members, "access_token"); !ok || !isToken(a.token) {
		return answer{}, refuse(ErrMalformed, "access_token is missing or malformed")
	}
	typ, _, isText := text(members, "token_type")
	switch {
	case isText && strings.EqualFold(typ, "Bearer"):
		a.typ = "Bearer"
	case isText && strings.EqualFold(typ, "DPoP"):
		a.typ = "DPoP"
	default:
		return answer{}, refuse(ErrTokenType, "token_type is neither Bearer nor DPoP")
	}
	if a.lifetime, ok = lifetime(members["expires_in"]); !ok {
		return answer{}, refuse(ErrMalformed, "expires_in is not a number of seconds")
	}
	scope, present, isText := text(members, "scope")
	if present && !isText {
		return answer{}, refuse(ErrMalformed, "scope is not a string")
	}
	if present {
		a.scope = &scope
	}
	return a, nil
}

// text reads a string member; null counts as absent.
func text(members map[string]json.RawMessage, name string) (value string, present, isText bool) {
	raw, ok := members[name]
	if !ok || string(raw) == "null" {
		return "", false, false
	}
	value, isText = strictjson.Text(raw)
	return value, true, isText
}

// isToken reports whether s may stand in an Authorization header (RFC 6750 §2.1
// is narrower, but some servers use more than its alphabet).
func isToken(s string) bool {
	for i := range len(s) {
		if s[i] <= 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

// lifetime reads expires_in: seconds as a plain decimal number or, as some
// servers write it, a string of one. Absent, null and 0 say nothing: zero.
// Longer than a day is taken as a day.
func lifetime(raw json.RawMessage) (time.Duration, bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return 0, true
	}
	number := string(raw)
	if raw[0] == '"' && json.Unmarshal(raw, &number) != nil || !isDecimal(number) {
		return 0, false
	}
	if strings.Trim(number, "0.") == "" {
		return 0, true
	}
	seconds, _ := strconv.ParseFloat(number, 64) // one that is out of range is infinite, or zero
	return max(time.Duration(min(seconds, maxTokenLifetime.Seconds())*float64(time.Second)), 1), true
}

// isDecimal reports whether s is digits, with at most a dot between them.
// strconv takes more: signs, exponents, hexadecimal, infinity.
func isDecimal(s string) bool {
	whole, fraction, dot := strings.Cut(s, ".")
	return isDigits(whole) && (!dot || isDigits(fraction))
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
