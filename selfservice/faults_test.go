package selfservice_test

import (
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/nokkel/nokkel/selfservice/providertest"
)

// TestEveryFaultAtEveryPoint makes each call of a rotation fail, lose its reply
// or kill the process, at every kind of server.
func TestEveryFaultAtEveryPoint(t *testing.T) {
	kept := func(*model.Server) {}
	slow := func(s *model.Server) { s.Propagation = 40 * time.Second }
	atOnce := func(s *model.Server) { s.ReplaceAtOnce = true }
	roomForTwo := func(s *model.Server) { s.Room = 2 }
	fiveNodes := func(s *model.Server) { s.Nodes, s.Propagation = 5, 8*time.Second }
	key := keystest.Key(t, keys.ES256)
	for name, kind := range map[string]struct {
		provider   func(*model.Server, model.IO) selfservice.Provider
		server     func(*model.Server)
		secret     bool
		gone       bool
		serverMade bool
	}{
		"overlap":                     {provider: (*model.Server).Registrar, server: kept},
		"overlap, slow":               {provider: (*model.Server).Registrar, server: slow},
		"overlap, five nodes":         {provider: (*model.Server).Registrar, server: fiveNodes},
		"replace at once":             {provider: (*model.Server).Registrar, server: atOnce, gone: true},
		"replace at once, slow":       {provider: (*model.Server).Registrar, server: func(s *model.Server) { atOnce(s); slow(s) }, gone: true},
		"off and removed":             {provider: (*model.Server).Full, server: kept, gone: true},
		"off and removed, five nodes": {provider: (*model.Server).Full, server: fiveNodes, gone: true},
		"own secret, room for two":    {provider: (*model.Server).Full, server: roomForTwo, secret: true, gone: true},
		"server's secret, overlap":    {provider: (*model.Server).FullIssuer, server: roomForTwo, secret: true, gone: true},
		"server's secret, five nodes": {provider: (*model.Server).FullIssuer, server: fiveNodes, secret: true, gone: true},
		"server's secret, at once":    {provider: (*model.Server).Issuer, server: atOnce, secret: true, gone: true, serverMade: true},
		"published at a URL, removed": {provider: (*model.Server).Full, server: func(s *model.Server) { s.Publish, s.Propagation = true, 5*time.Minute }, gone: true},
	} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) *providertest.Target {
				first := selfservice.Credential{Key: key}
				if kind.secret {
					first = secretCredential("the first secret, registered by hand")
				}
				server := &model.Server{}
				kind.server(server)
				server.Adopt(first)
				return &providertest.Target{
					Provider:   func(io *providertest.IO) selfservice.Provider { return kind.provider(server, io.Do) },
					First:      first,
					Accepts:    server.Accepts,
					Knows:      server.Knows,
					Registered: server.Registered,
					Nodes:      server.Nodes,
					Gone:       kind.gone,
					AtOnce:     server.ReplaceAtOnce,
					ServerMade: kind.serverMade,
				}
			})
		})
	}
}
