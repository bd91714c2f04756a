package selfservice_test

import (
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/require"
)

// TestEveryFaultAtEveryPoint makes each call of a rotation fail, lose its reply
// or kill the process, at every kind of server.
func TestEveryFaultAtEveryPoint(t *testing.T) {
	type mode struct {
		server *model.Server // nil: keeps everything
		make   func(*model.Server, model.IO) selfservice.Provider
		secret bool
		gone   bool
		dark   bool
	}
	modes := map[string]mode{
		"overlap":                     {make: (*model.Server).Registrar},
		"overlap, slow":               {make: (*model.Server).Registrar, server: &model.Server{Propagation: 40 * time.Second}},
		"replace at once":             {make: (*model.Server).Registrar, server: &model.Server{ReplaceAtOnce: true}, gone: true},
		"replace at once, slow":       {make: (*model.Server).Registrar, server: &model.Server{ReplaceAtOnce: true, Propagation: 40 * time.Second}, gone: true},
		"off and removed":             {make: (*model.Server).Full, gone: true},
		"own secret, room for two":    {make: (*model.Server).Full, server: &model.Server{Room: 2}, secret: true, gone: true},
		"server's secret, overlap":    {make: (*model.Server).FullIssuer, server: &model.Server{Room: 2}, secret: true, gone: true},
		"server's secret, at once":    {make: (*model.Server).Issuer, server: &model.Server{ReplaceAtOnce: true}, secret: true, gone: true, dark: true},
		"published at a URL, removed": {make: (*model.Server).Full, server: &model.Server{Publish: true, Propagation: 5 * time.Minute}, gone: true},
	}
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	for name, m := range modes {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) *providertest.Target {
				first := selfservice.Credential{Key: key}
				if m.secret {
					first = secretCredential("the first secret, registered by hand")
				}
				server := &model.Server{}
				if like := m.server; like != nil {
					server.ReplaceAtOnce, server.Room, server.Publish, server.Propagation = like.ReplaceAtOnce, like.Room, like.Publish, like.Propagation
				}
				server.Adopt(first)
				return &providertest.Target{
					Provider:   func(io *providertest.IO) selfservice.Provider { return m.make(server, io.Do) },
					First:      first,
					Accepts:    server.Accepts,
					Knows:      server.Knows,
					Registered: server.Registered,
					Gone:       m.gone,
					AtOnce:     server.ReplaceAtOnce,
					ServerMade: m.dark,
				}
			})
		})
	}
}
