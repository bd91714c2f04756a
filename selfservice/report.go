package selfservice

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// Report says what a pass has done, so far or in all.
type Report struct {
	Clients   int            `json:"clients"`   // looked at
	Rotated   int            `json:"rotated"`   // switched to a new credential
	Idle      int            `json:"idle"`      // with nothing to do yet
	Waiting   int            `json:"waiting"`   // for the server to accept a new credential
	Elsewhere int            `json:"elsewhere"` // in the hands of another process
	Failed    int            `json:"failed"`    // will be tried again by the next pass
	Causes    map[string]int `json:"causes,omitempty"`
	Elapsed   time.Duration  `json:"elapsed"`
}

// maxCauses bounds the report however creative the server's errors are.
const maxCauses = 50

func (r Report) clone() Report {
	r.Causes = maps.Clone(r.Causes)
	return r
}

// cause names the kind of an error, so that a thousand failures make a few
// lines.
func cause(err error) string {
	known := []error{ErrLockedOut, ErrInvalidClient, ErrLimit, ErrConflict, ErrCorrupt, ErrNotAdopted, ErrConfig, context.DeadlineExceeded, context.Canceled}
	if i := slices.IndexFunc(known, func(k error) bool { return errors.Is(err, k) }); i >= 0 {
		return known[i].Error()
	}
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return text(err)
}
