package model

import (
	"context"

	"github.com/nokkel/nokkel/selfservice"
)

// IO makes one call over the network. A test makes faults there.
type IO func(point string, call func() error) error

type base struct {
	s  *Server
	io IO
}

func (b base) Verify(ctx context.Context, c selfservice.Credential) error {
	return b.io("verify", func() error { return b.s.verify(ctx, c) })
}

func (b base) List(ctx context.Context, as selfservice.Credential) (list []selfservice.Registration, err error) {
	err = b.io("list", func() (err error) { list, err = b.s.list(ctx, as); return err })
	return list, err
}

func (b base) Independent() bool { return b.s.Administrator }

type registrar struct{ base }

func (b registrar) Register(ctx context.Context, as, c selfservice.Credential) (reg selfservice.Registration, err error) {
	err = b.io("register", func() (err error) { reg, err = b.s.register(ctx, as, c); return err })
	return reg, err
}

type issuer struct{ base }

func (b issuer) Issue(ctx context.Context, as selfservice.Credential, before []selfservice.Registration) (c selfservice.Credential, reg selfservice.Registration, err error) {
	err = b.io("issue", func() (err error) { c, reg, err = b.s.issue(ctx, as, before); return err })
	if err != nil {
		return selfservice.Credential{}, selfservice.Registration{}, err
	}
	return c, reg, nil
}

// retirer works as an administrator. It does not embed base, whose methods would be
// ambiguous beside those of a registrar.
type retirer struct{ at base }

func (b retirer) Activate(_ context.Context, _ selfservice.Credential, r selfservice.Registration) error {
	return b.at.io("activate", func() error { return b.at.s.set(r, false) })
}

func (b retirer) Deactivate(_ context.Context, _ selfservice.Credential, r selfservice.Registration) error {
	return b.at.io("deactivate", func() error { return b.at.s.set(r, true) })
}

func (b retirer) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return b.at.io("remove", func() error { return b.at.s.remove(ctx, as, r) })
}

// Registrar returns a provider that registers and cannot remove, like HelseID's.
func (s *Server) Registrar(io IO) selfservice.Provider { return registrar{base{s, io.or()}} }

// Issuer returns a provider of secrets that the server makes.
func (s *Server) Issuer(io IO) selfservice.Provider { return issuer{base{s, io.or()}} }

// Full returns a provider that can also deactivate and remove, like Okta's.
func (s *Server) Full(io IO) selfservice.Provider {
	b := base{s, io.or()}
	return struct {
		registrar
		retirer
	}{registrar{b}, retirer{b}}
}

// FullIssuer is Full for secrets that the server makes.
func (s *Server) FullIssuer(io IO) selfservice.Provider {
	b := base{s, io.or()}
	return struct {
		issuer
		retirer
	}{issuer{b}, retirer{b}}
}

func (io IO) or() IO {
	if io == nil {
		return func(_ string, call func() error) error { return call() }
	}
	return io
}

// OnlyRemoves returns a provider that can remove but not deactivate.
func (s *Server) OnlyRemoves(io IO) selfservice.Provider {
	b := base{s, io.or()}
	return struct {
		registrar
		selfservice.Remover
	}{registrar{b}, retirer{b}}
}
