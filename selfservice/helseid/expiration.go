package helseid

import (
	"encoding/json"
	"strings"
	"time"
)

// parseExpiration reads a date-time as the self-service API writes it:
// RFC 3339 with any offset, or without a zone, which means UTC. null and a
// missing member give the zero time: never.
func parseExpiration(raw json.RawMessage) (time.Time, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return time.Time{}, nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return time.Time{}, &Error{Rule: ErrMalformed}
	}
	text = strings.ToUpper(text) // RFC 3339 §5.6 allows t and z
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		// Parse takes a fraction of any length where the layout has none.
		if t, err := time.Parse(layout, text); err == nil {
			if t = t.UTC(); t.Year() >= 1 && t.Year() <= 9999 {
				return t, nil
			}
		}
	}
	return time.Time{}, &Error{Rule: ErrMalformed}
}
