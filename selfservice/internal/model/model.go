// Package model is an authorization server reduced to what a rotation depends on:
// which credentials it accepts, and when. The tests of the engine configure it to
// behave like each system that this module supports.
package model

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// Server is one client at one server. Its fields are set before the first call. The
// zero Server keeps every credential forever.
type Server struct {
	ReplaceAtOnce bool          // a new credential ends the others
	Room          int           // credentials at most; zero: any number
	Propagation   time.Duration // until a new one is accepted
	Validity      time.Duration // zero: no expiry
	Administrator bool          // its provider needs no credential of the client
	Nodes         int           // the first learns of a new one at once, the last after Propagation; zero: one, after Propagation
	Publish       bool          // registrations say UsableFrom, as for a published key

	mu         sync.Mutex
	rows       []row
	registered int
	verified   int
	turn       uint64 // decides which node the next call meets
	down       error
}

type row struct {
	id      string
	print   string
	secret  keys.Secret // servers that make secrets can show them
	from    []time.Time // by node
	expires time.Time
	off     bool
	created time.Time
}

// Adopt makes the server accept c, as if registered by hand.
func (s *Server) Adopt(c selfservice.Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(c)
	s.registered = 0
	clear(s.rows[len(s.rows)-1].from)
}

// Change changes the server's fields while it is in use.
func (s *Server) Change(f func(*Server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// Break makes every call fail with err; nil ends that.
func (s *Server) Break(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}

// Expire sets the expiry of a credential.
func (s *Server) Expire(fingerprint string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rows {
		if s.rows[i].print == fingerprint {
			s.rows[i].expires = at
		}
	}
}

// Registered returns how many credentials were added since Adopt.
func (s *Server) Registered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.registered
}

// Accepts reports whether a token request with the credential of that fingerprint
// would succeed now, at every node.
func (s *Server) Accepts(fingerprint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for node := range s.nodes() {
		if !s.accepts(fingerprint, node) {
			return false
		}
	}
	return true
}

// Request makes one token request, at one node.
func (s *Server) Request(fingerprint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepts(fingerprint, s.node())
}

// Forget drops the last credential, like a server restored from a backup.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = s.rows[:len(s.rows)-1]
}

func (s *Server) nodes() int { return max(s.Nodes, 1) }

// node returns the node that a call meets, in an irregular order.
func (s *Server) node() int {
	s.turn = s.turn*6364136223846793005 + 1442695040888963407
	return int(s.turn>>33) % s.nodes()
}

// Knows reports whether the credential is registered, even if not accepted yet.
func (s *Server) Knows(fingerprint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.rows, func(r row) bool { return r.print == fingerprint && !r.off })
}

// Count returns how many credentials the server has.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows)
}

func (s *Server) accepts(fingerprint string, node int) bool {
	now := time.Now()
	return slices.ContainsFunc(s.rows, func(r row) bool {
		return r.print == fingerprint && !r.off && !now.Before(r.from[node]) && (r.expires.IsZero() || now.Before(r.expires))
	})
}

func (s *Server) add(c selfservice.Credential) row {
	now := time.Now().Round(0)
	r := row{id: strconv.Itoa(s.registered) + "-" + c.Fingerprint()[:8], print: c.Fingerprint(), secret: c.Secret, created: now}
	for node := range s.nodes() {
		r.from = append(r.from, now.Add(s.Propagation*time.Duration(node)/time.Duration(max(s.nodes()-1, 1))))
	}
	if s.Nodes == 0 {
		r.from[0] = now.Add(s.Propagation)
	}
	if s.Validity > 0 {
		r.expires = now.Add(s.Validity)
	}
	if s.ReplaceAtOnce {
		s.rows = nil
	}
	s.rows = append(s.rows, r)
	s.registered++
	return r
}

// as checks the credential that a call is made with.
func (s *Server) as(c selfservice.Credential) error {
	if s.Administrator && s.down == nil {
		return nil
	}
	return s.login(c)
}

func (s *Server) login(c selfservice.Credential) error {
	if s.down != nil {
		return s.down
	}
	if !s.accepts(c.Fingerprint(), s.node()) {
		return fmt.Errorf("model: %w", selfservice.ErrInvalidClient)
	}
	return nil
}

func (r row) registration(s *Server) selfservice.Registration {
	reg := selfservice.Registration{ID: r.id, Fingerprint: r.print, Inactive: r.off, Created: r.created, Expires: r.expires}
	if s.Publish {
		reg.UsableFrom = slices.MaxFunc(r.from, time.Time.Compare)
	}
	return reg
}

func (s *Server) verify(ctx context.Context, c selfservice.Credential) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verified++
	return s.login(c)
}

func (s *Server) list(_ context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.as(as); err != nil {
		return nil, err
	}
	var list []selfservice.Registration
	for _, r := range s.rows {
		list = append(list, r.registration(s))
	}
	return list, nil
}

func (s *Server) register(_ context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.as(as); err != nil {
		return selfservice.Registration{}, err
	}
	if s.Room > 0 && len(s.rows) >= s.Room {
		return selfservice.Registration{}, fmt.Errorf("model: %w", selfservice.ErrLimit)
	}
	for i, r := range s.rows {
		if r.print != c.Fingerprint() {
			continue
		}
		if !r.off {
			return selfservice.Registration{}, errors.New("model: registered already")
		}
		s.rows[i].off = false
		return s.rows[i].registration(s), nil
	}
	return s.add(c).registration(s), nil
}

func (s *Server) issue(_ context.Context, as selfservice.Credential, before []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rows { // the client's own secret may have ended
		if !slices.ContainsFunc(before, func(b selfservice.Registration) bool { return b.Fingerprint == r.print }) {
			return selfservice.Credential{Secret: r.secret}, r.registration(s), s.down
		}
	}
	if err := s.as(as); err != nil {
		return selfservice.Credential{}, selfservice.Registration{}, err
	}
	if s.Room > 0 && len(s.rows) >= s.Room {
		return selfservice.Credential{}, selfservice.Registration{}, fmt.Errorf("model: %w", selfservice.ErrLimit)
	}
	c := selfservice.Credential{Secret: keys.NewSecret(rand.Text())}
	return c, s.add(c).registration(s), nil
}

func (s *Server) set(reg selfservice.Registration, off bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return s.down
	}
	for i := range s.rows {
		if s.rows[i].print == reg.Fingerprint {
			s.rows[i].off = off
			return nil
		}
	}
	if off {
		return nil // it is gone
	}
	return errors.New("model: no such credential")
}

func (s *Server) remove(_ context.Context, as selfservice.Credential, reg selfservice.Registration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.as(as); err != nil {
		return err
	}
	s.rows = slices.DeleteFunc(s.rows, func(r row) bool { return r.print == reg.Fingerprint })
	return nil
}
