package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
)

// document is one of the two documents of client policies: a list that is read
// and written whole. All entries but the changed one are sent back unchanged.
// Global ones, which come with the server, are not sent.
type document struct {
	kind   string // "profiles" or "policies", in the path and in the document
	global string // the member with the global ones
}

func profilesDocument() document { return document{"profiles", "globalProfiles"} }
func policiesDocument() document { return document{"policies", "globalPolicies"} }

type entry = json.RawMessage

func (d document) load(ctx context.Context, a *API) (own, global []entry, err error) {
	var members map[string]json.RawMessage
	query := url.Values{"include-global-" + d.kind: {"true"}}
	if err := a.get(ctx, d.path(a), query, &members); err != nil {
		return nil, nil, err
	}
	if own, err = list(members[d.kind]); err != nil {
		return nil, nil, err
	}
	global, err = list(members[d.global])
	return own, global, err
}

func list(raw json.RawMessage) ([]entry, error) {
	var l []entry
	if len(raw) > 0 && json.Unmarshal(raw, &l) != nil {
		return nil, refuse(ErrMalformed, "a document of client policies")
	}
	return l, nil
}

func (d document) path(a *API) string { return a.realm("client-policies", d.kind) }

// edit replaces the entry with that name by what change returns for it. Change
// gets nil if there is none, and returns nil to delete it.
func (d document) edit(ctx context.Context, a *API, name string, change func(entry) (entry, error)) error {
	own, global, err := d.load(ctx, a)
	if err != nil {
		return err
	}
	if find(global, name) >= 0 {
		return refuse(ErrConfig, "the name is that of a global one")
	}
	i := find(own, name)
	var old entry
	if i >= 0 {
		old = own[i]
	}
	changed, err := change(old)
	switch {
	case err != nil:
		return err
	case changed == nil && i < 0:
		return nil
	case changed == nil:
		own = slices.Delete(own, i, i+1)
	case i < 0:
		own = append(own, changed)
	default:
		own[i] = changed
	}
	if err := a.exchange(ctx, http.MethodPut, d.path(a), map[string]any{d.kind: own}, nil); err != nil {
		return err
	}
	now, _, err := d.load(ctx, a)
	if err != nil {
		return err
	}
	if i = find(now, name); (i >= 0) != (changed != nil) || i >= 0 && !says(now[i], changed) {
		return refuse(ErrLost, "somebody else changed the client policies")
	}
	return nil
}

// says reports whether the server's entry has all that was written.
func says(got, written entry) bool {
	var a, b any
	return json.Unmarshal(got, &a) == nil && json.Unmarshal(written, &b) == nil && holds(a, b)
}

// holds compares JSON values. A server may add members and leave out null ones.
func holds(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		for name, value := range want {
			ok = ok && holds(object[name], value)
		}
		return ok
	case []any:
		list, ok := got.([]any)
		return ok && slices.EqualFunc(list, want, holds)
	}
	return got == want
}

func find(entries []entry, name string) int {
	return slices.IndexFunc(entries, func(e entry) bool {
		var named struct {
			Name string `json:"name"`
		}
		return json.Unmarshal(e, &named) == nil && named.Name == name
	})
}

// set replaces members of an object and keeps the others.
func set(e entry, members map[string]any) (entry, error) {
	object := map[string]json.RawMessage{}
	if e != nil && json.Unmarshal(e, &object) != nil {
		return nil, refuse(ErrMalformed, "an entry of the client policies")
	}
	for name, value := range members {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		object[name] = raw
	}
	return json.Marshal(object)
}
