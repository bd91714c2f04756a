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

// TestFaultsOnFiveNodes makes the calls of a rotation fail at a server of five
// nodes that a change reaches one after the other.
func TestFaultsOnFiveNodes(t *testing.T) {
	key := keystest.Key(t, keys.ES256)
	for name, provider := range map[string]func(*model.Server, model.IO) selfservice.Provider{
		"keys that stay": (*model.Server).Registrar, "keys that are removed": (*model.Server).Full, "the server's secrets": (*model.Server).FullIssuer,
	} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) *providertest.Target {
				first := selfservice.Credential{Key: key}
				if name == "the server's secrets" {
					first = secretCredential("the first secret, registered by hand")
				}
				server := &model.Server{Nodes: 5, Propagation: 8 * time.Second}
				server.Adopt(first)
				return &providertest.Target{
					Provider: func(io *providertest.IO) selfservice.Provider { return provider(server, io.Do) },
					First:    first, Accepts: server.Accepts, Knows: server.Knows, Registered: server.Registered,
					Nodes: server.Nodes, Gone: name != "keys that stay",
				}
			})
		})
	}
}
