package sdktest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// object is a JSON object.
type object = map[string]any

// paths returns the paths that package okta calls.
func paths() []string {
	const app = "/api/v1/apps/{appId}"
	list := []string{app}
	for _, credentials := range []string{app + "/credentials/secrets", app + "/credentials/jwks"} {
		one := credentials + "/{secretId}"
		if strings.HasSuffix(credentials, "jwks") {
			one = credentials + "/{keyId}"
		}
		list = append(list, credentials, one, one+"/lifecycle/activate", one+"/lifecycle/deactivate")
	}
	return list
}

// router finds the operations of these paths in an excerpt of the document. The
// whole has 90,000 lines and dangling references.
var router = sync.OnceValues(func() (routers.Router, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/okta/okta-sdk-golang/v6").Output()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "okta", "api", "openapi.yaml"))
	if err != nil {
		return nil, err
	}
	var whole object
	if err := yaml.Unmarshal(text, &whole); err != nil {
		return nil, err
	}
	part := object{"openapi": whole["openapi"], "info": object{"title": "part", "version": "1"}, "servers": []any{object{"url": "/"}}}
	kept, components := object{}, object{}
	for _, path := range paths() {
		kept[path] = whole["paths"].(object)[path]
		collect(whole["components"].(object), components, kept[path])
	}
	part["paths"], part["components"] = kept, components
	text, err = json.Marshal(part)
	if err != nil {
		return nil, err
	}
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(document)
})

// collect copies the components that node refers to, and drops examples.
func collect(from, to object, node any) {
	switch n := node.(type) {
	case object:
		delete(n, "example")
		delete(n, "examples")
		delete(n, "security") // is not tested
		for _, v := range n {
			collect(from, to, v)
		}
	case []any:
		for _, v := range n {
			collect(from, to, v)
		}
	case string:
		kind, name, ok := strings.Cut(strings.TrimPrefix(n, "#/components/"), "/")
		if !ok || !strings.HasPrefix(n, "#/components/") {
			return
		}
		if to[kind] == nil {
			to[kind] = object{}
		}
		if _, have := to[kind].(object)[name]; have {
			return
		}
		component := from[kind].(object)[name]
		to[kind].(object)[name] = component
		collect(from, to, component)
	}
}

func TestTheDocumentHasAllPaths(t *testing.T) {
	_, err := router()
	require.NoError(t, err)
}
