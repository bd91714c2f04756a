package keycloaktest

import "github.com/nokkel/nokkel/keys"

// AddRealm creates an empty realm.
func (s *Server) AddRealm(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.realms[name] = &realm{name: name, clients: map[string]*client{}, cache: map[place]*cached{}}
}

// AddClient creates a confidential client with a service account in an existing
// realm, and returns its secret. Use the API for everything else.
func (s *Server) AddClient(realm, clientID string) keys.Secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.realms[realm].add(clientID)
	c.serviceAccount = true
	s.made(s.realms[realm], c)
	return keys.NewSecret(c.secret)
}

// Grant gives the service account of a client roles of realm-management:
// view-clients, manage-clients, view-realm, manage-realm, create-client.
func (s *Server) Grant(realm, clientID string, roles ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.realms[realm].byClientID(clientID)
	for _, r := range roles {
		c.roles[r] = true
	}
}

// AddAudience gives a client an audience mapper for each of audiences: all its
// tokens name them in "aud", before "account".
func (s *Server) AddAudience(realm, clientID string, audiences ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.realms[realm].byClientID(clientID)
	c.audiences = append(c.audiences, audiences...)
}

// AddClientScope assigns a client scope to a client, as an optional one: tokens
// that are asked for with it name it in "scope", and in "aud" the audiences for
// which it has a mapper.
func (s *Server) AddClientScope(realm, clientID, name string, audiences ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.realms[realm].byClientID(clientID).optional[name] = audiences
}

// Scope adds roles of realm-management to the tokens of a client without full
// scope. An update under a FAPI policy takes full scope away.
func (s *Server) Scope(realm, clientID string, roles ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.realms[realm].byClientID(clientID)
	for _, r := range roles {
		c.scope[r] = true
	}
}
