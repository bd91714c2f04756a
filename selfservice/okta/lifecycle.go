package okta

import (
	"context"
	"errors"
	"net/http"
	"slices"
)

// Status of a registered credential.
type Status string

// The two statuses. Every active credential is accepted.
const (
	Active   Status = "ACTIVE"
	Inactive Status = "INACTIVE"
)

// one makes a call whose answer is one credential.
func (a *Admin) one(ctx context.Context, method, path string, body []byte, answer any, id *string) error {
	err := a.call(ctx, method, path, body, answer)
	if err == nil && *id == "" {
		err = refuse(ErrMalformed, "a credential without an ID; the request may have been carried out")
	}
	return err
}

// family is one of the two kinds of credentials that an app can have; they are
// handled alike.
type family string

const (
	secrets family = "secrets"
	jwks    family = "jwks"
)

// entry is what the two kinds have in common.
type entry struct {
	ID     string `json:"id"`
	Status Status `json:"status"`
}

// other is an entry and its purpose: one for another purpose is no substitute.
type other struct {
	entry
	use string
}

func (a *Admin) entries(ctx context.Context, appID string, of family) ([]other, error) {
	var list []other
	if of == secrets {
		all, err := a.Secrets(ctx, appID)
		for _, s := range all {
			list = append(list, other{entry{s.ID, s.Status}, ""})
		}
		return list, err
	}
	all, err := a.Keys(ctx, appID)
	for _, k := range all {
		use := ""
		if k.Use == encryption {
			use = encryption
		}
		list = append(list, other{entry{k.ID, k.Status}, use})
	}
	return list, err
}

// change activates, deactivates or deletes one credential. After a refusal it
// checks whether the change was made before, and otherwise says what prevents
// it.
func (a *Admin) change(ctx context.Context, appID string, of family, id, action string) error {
	elements, method := []string{"credentials", string(of), id, "lifecycle", action}, http.MethodPost
	if action == deletion {
		elements, method = elements[:3], http.MethodDelete
	}
	path, err := appPath(appID, elements...)
	if err != nil {
		return err
	}
	err = a.call(ctx, method, path, nil, nil)
	var refused *Error
	if !errors.As(err, &refused) || !errors.Is(err, ErrNotFound) && !refused.isRule() {
		return err
	}
	list, listErr := a.entries(ctx, appID, of)
	if listErr != nil {
		return unexplained(err, listErr)
	}
	return refused.settle(list, id, action)
}

const (
	activate   = "activate"
	deactivate = "deactivate"
	deletion   = "" // has no path of its own
)

// isRule reports whether one of Okta's rules was broken; such refusals all look
// alike.
func (e *Error) isRule() bool { return e.Status == http.StatusBadRequest && e.Rule == ErrRefused }

// settle returns nil if the change is there, and else why it is not.
func (e *Error) settle(list []other, id, action string) error {
	i := slices.IndexFunc(list, func(c other) bool { return c.ID == id })
	active := 0
	for _, c := range list {
		if i >= 0 && c.Status == Active && c.use == list[i].use {
			active++
		}
	}
	switch {
	case i < 0 && action == deletion:
		return nil
	case i < 0:
		return e.because(ErrNotFound, "")
	case action == activate && list[i].Status == Active, action == deactivate && list[i].Status == Inactive:
		return nil
	case action == deletion && list[i].Status == Active:
		return e.because(ErrActive, "")
	case action == deactivate && active == 1:
		return e.because(ErrLastActive, "add another one and see that it works before this one goes")
	}
	return e
}
