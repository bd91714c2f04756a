package oktatest_test

import (
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
)

func TestNoTypeShowsASecret(t *testing.T) {
	const secret = "a-secret-that-nobody-may-see-1"
	app := oktatest.App{Secret: keys.NewSecret(secret)}
	server := oktatest.New("http://127.0.0.1")
	server.AddApp(app)
	keystest.PackageRedacted(t, map[string][]any{
		"App":    {app},
		"Doubts": {oktatest.Doubts{}},
		"Event":  {oktatest.Event{}},
		"Fault":  {oktatest.Fault{Status: http.StatusTeapot}},
		"Role":   {oktatest.SuperAdmin},
		"Server": {server},
	}, []byte(secret))
}
