package keycloaktest

import "github.com/nokkel/nokkel/keys"

// AddRealm makes an empty realm.
func (s *Server) AddRealm(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.realms[name] = &realm{name: name, clients: map[string]*client{}, cache: map[place]*cached{}}
}

// AddClient makes a confidential client with a service account in a realm that
// is there, and returns its secret. The rest is for the API.
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

// Scope lets roles of realm-management into the tokens of a client that has
// not the full scope, as after an update under a policy of FAPI.
func (s *Server) Scope(realm, clientID string, roles ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.realms[realm].byClientID(clientID)
	for _, r := range roles {
		c.scope[r] = true
	}
}
