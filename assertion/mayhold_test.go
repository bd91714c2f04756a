package assertion

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A success response may still hold an error, in any spelling.
func TestErrorWithASuccessStatus(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"denied"}`:            "denied",
		`{"ERROR":"denied"}`:            "denied",
		`{"\u0065rror":"denied"}`:       "denied",
		`{"access_token":"t","x":"\n"}`: "",
		`{"access_token":"t"}`:          "",
	} {
		assert.Equal(t, want, parseError(&http.Response{StatusCode: 200, Header: http.Header{}}, []byte(body)).Code, body)
	}
}
