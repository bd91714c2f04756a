package helseid

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// Detail is an entry of the claim assertion_details, which tells HelseID on
// whose behalf a token is requested: [MultiTenant], [SingleTenant] or
// [SFMJournal].
type Detail interface {
	detail() (any, error)
}

// MultiTenant names the organisation that a multi-tenant client acts for.
type MultiTenant struct {
	Parent string // organisation number, 9 digits
	Child  string // of the unit below it; may be empty
}

// SingleTenant names the unit that a single-tenant client acts for, below the
// organisation that owns the client.
type SingleTenant struct {
	Child string // organisation number, 9 digits
}

// SFMJournal names the journal that the central medication module
// (sentral forskrivningsmodul) is called from.
type SFMJournal struct {
	ID string
}

func (m MultiTenant) detail() (any, error) {
	if !organisationNumber(m.Parent) || m.Child != "" && !organisationNumber(m.Child) {
		return nil, &Error{Rule: ErrDetail}
	}
	return organisation("urn:oid:1.0.6523", "NO:ORGNR:"+m.Parent+":"+m.Child), nil
}

func (s SingleTenant) detail() (any, error) {
	if !organisationNumber(s.Child) {
		return nil, &Error{Rule: ErrDetail}
	}
	return organisation("urn:oid:2.16.578.1.12.4.1.4.101", s.Child), nil
}

func (s SFMJournal) detail() (any, error) {
	if s.ID == "" {
		return nil, &Error{Rule: ErrDetail}
	}
	return map[string]any{"type": "nhn:sfm:journal-id", "value": map[string]string{"journal_id": s.ID}}, nil
}

func organisation(system, value string) any {
	identifier := map[string]string{"system": system, "type": "ENH", "value": value}
	return map[string]any{
		"type":              "helseid_authorization",
		"practitioner_role": map[string]any{"organization": map[string]any{"identifier": identifier}},
	}
}

func organisationNumber(s string) bool {
	return len(s) == 9 && strings.Trim(s, "0123456789") == ""
}

// detailsClaim returns what the claim holds: one object, or a list when there
// are several; nil for none.
func detailsClaim(details []Detail) (any, error) {
	var list []any
	for _, d := range details {
		entry, err := d.detail()
		if err != nil {
			return nil, err
		}
		list = append(list, entry)
	}
	switch len(list) {
	case 0:
		return nil, nil
	case 1:
		return list[0], nil
	}
	return list, nil
}

// failing holds the error of a malformed detail until the first call that can
// return one.
type failing struct{ err error }

func (f failing) Authenticate(context.Context, http.Header, url.Values) error { return f.err }
