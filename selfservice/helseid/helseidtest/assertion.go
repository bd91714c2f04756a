package helseidtest

import (
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

const (
	maxAhead = 60 * time.Second // of an assertion's exp
	maxAge   = maxAhead         // of its iat, in addition to the leeway (derived: HelseID checks it tightly, and does not say how)
	leeway   = 5 * time.Second  // for clock skew
)

// authenticate checks the client assertion (RFC 7523 §3), by the keys that a node
// knows. It returns the claims for a token, with the jti of the assertion. The
// form may leave client_id out (RFC 7521 §4.2).
func (s *Server) authenticate(form url.Values, node int) (claims, Refusal) {
	t, ok := parseJWS(form.Get("client_assertion"))
	if !ok || form.Get("client_assertion_type") != assertionType {
		return claims{}, AssertionMalformed
	}
	switch t.header.Typ {
	case "client-authentication+jwt":
	case "JWT", "":
		if !s.PlainType {
			return claims{}, AssertionType
		}
	default:
		return claims{}, AssertionType
	}
	var c struct {
		Iss     string          `json:"iss"`
		Sub     string          `json:"sub"`
		Aud     any             `json:"aud"`
		Jti     string          `json:"jti"`
		Iat     *int64          `json:"iat"`
		Nbf     *int64          `json:"nbf"`
		Exp     *int64          `json:"exp"`
		Details json.RawMessage `json:"assertion_details"`
	}
	malformed := json.Unmarshal(t.payload, &c) != nil
	id := form.Get("client_id")
	if id == "" {
		id = c.Sub
	}
	key := s.client(id).key(t.header.Kid, s.later(), s.behind(node))
	if key == nil {
		return claims{}, AssertionKey
	}
	if !t.allowed(key) {
		return claims{}, AssertionAlgorithm
	}
	if !t.verify(key) {
		return claims{}, AssertionSignature
	}
	if c.Nbf == nil && s.WithoutNotBefore {
		c.Nbf = c.Iat
	}
	if malformed || c.Jti == "" || c.Iat == nil || c.Nbf == nil || c.Exp == nil {
		return claims{}, AssertionClaims
	}
	now := s.now()
	slack := now.Add(leeway).Unix()
	switch {
	case c.Iss != id || c.Sub != id:
		return claims{}, AssertionIssuer
	case c.Aud != s.URL():
		return claims{}, AssertionAudience
	case *c.Exp <= now.Unix() || *c.Exp > now.Add(maxAhead).Unix() || *c.Nbf > slack || *c.Iat > slack || *c.Iat < now.Add(-maxAge-leeway).Unix():
		return claims{}, AssertionTime
	}
	who, ok := parseDetails(c.Details)
	if !ok {
		return claims{}, RequestDetails
	}
	if !s.asserted.add(id, c.Jti, now) {
		return claims{}, AssertionReplayed
	}
	who.Client, who.ID = id, c.Jti
	return who, ""
}

// parseDetails reads assertion_details: one object, or a list of several.
func parseDetails(raw json.RawMessage) (who claims, ok bool) {
	if raw == nil {
		return claims{}, true
	}
	list := []json.RawMessage{raw}
	if raw[0] == '[' && (json.Unmarshal(raw, &list) != nil || len(list) < 2) {
		return claims{}, false
	}
	for _, item := range list {
		if !who.addDetail(item) {
			return claims{}, false
		}
	}
	return who, true
}

func (c *claims) addDetail(raw json.RawMessage) bool {
	var d struct {
		Type string `json:"type"`
		Role struct {
			Organization struct {
				Identifier struct {
					System string `json:"system"`
					Type   string `json:"type"`
					Value  string `json:"value"`
				} `json:"identifier"`
			} `json:"organization"`
		} `json:"practitioner_role"`
		Value struct {
			JournalID string `json:"journal_id"`
		} `json:"value"`
	}
	if json.Unmarshal(raw, &d) != nil {
		return false
	}
	id := d.Role.Organization.Identifier
	switch {
	case d.Type == "nhn:sfm:journal-id" && d.Value.JournalID != "" && c.Journal == "":
		c.Journal = d.Value.JournalID
		return true
	case d.Type != "helseid_authorization" || id.Type != "ENH" || c.Parent+c.Child != "":
		return false
	case id.System == "urn:oid:1.0.6523":
		numbers, ok := strings.CutPrefix(id.Value, "NO:ORGNR:")
		c.Parent, c.Child, _ = strings.Cut(numbers, ":")
		return ok && strings.Count(numbers, ":") == 1 && organisation(c.Parent) && (c.Child == "" || organisation(c.Child))
	case id.System == "urn:oid:2.16.578.1.12.4.1.4.101":
		c.Child = id.Value
		return organisation(id.Value)
	}
	return false
}

// organisation reports whether s has the form of an organisation number.
func organisation(s string) bool {
	return len(s) == 9 && strings.Trim(s, "0123456789") == ""
}
