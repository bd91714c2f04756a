package providertest_test

import (
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/providertest"
)

func TestNoTypeShowsASecret(t *testing.T) {
	key := keystest.Key(t, keys.ES256)
	const secret = "the secret of a client under test"
	mem := &selfservice.Mem{}
	io := &providertest.IO{}
	keystest.PackageRedacted(t, map[string][]any{
		"Fault": {providertest.CrashAfter},
		"IO":    {io, io.Store(mem)},
		"Target": {
			&providertest.Target{First: selfservice.Credential{Key: key}, Store: mem},
			&providertest.Target{First: selfservice.Credential{Secret: keys.NewSecret(secret)}},
		},
	}, append(keystest.Secrets(t, key), []byte(secret))...)
}
