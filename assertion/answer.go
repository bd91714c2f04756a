package assertion

import (
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	// Strict where encoding/json is not: names match in their own case only,
	// and a member that comes twice refuses the object, so that no two
	// readers of an answer take different tokens out of it.
	"github.com/go-jose/go-jose/v4/json"
)

const (
	maxAnswer        = 256 << 10 // a token answer or metadata
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

// readAnswer reads an answer that is no error by its status.
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

func malformed(resp *http.Response, detail string) error {
	return &Error{Rule: ErrMalformed, Detail: detail, Status: resp.StatusCode}
}

// parseAnswer takes the members of a success answer.
func parseAnswer(members map[string]json.RawMessage) (a answer, err error) {
	var ok bool
	if a.token, ok, _ = text(members, "access_token"); !ok || !isToken(a.token) {
		return answer{}, refuse(ErrMalformed, "access_token is missing or no token")
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
	if json.Unmarshal(raw, &value) != nil {
		return "", true, false
	}
	return value, true, true
}

// isToken tells whether s may stand in an Authorization header (RFC 6750 §2.1
// is narrower, but some servers use more than its alphabet).
func isToken(s string) bool {
	for i := range len(s) {
		if s[i] <= 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

// lifetime reads expires_in: seconds as a number or, as some servers write it,
// a numeric string. Absent, null and 0 say nothing: zero. Longer than a day
// is taken as a day.
func lifetime(raw json.RawMessage) (time.Duration, bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return 0, true
	}
	number := string(raw)
	if raw[0] == '"' && json.Unmarshal(raw, &number) != nil {
		return 0, false
	}
	seconds, err := strconv.ParseFloat(number, 64)
	if math.IsNaN(seconds) || seconds < 0 || err != nil && !math.IsInf(seconds, 1) {
		return 0, false
	}
	return time.Duration(min(math.Floor(seconds), maxTokenLifetime.Seconds())) * time.Second, true
}
