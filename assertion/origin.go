package assertion

import (
	"net/url"

	"github.com/nokkel/nokkel/internal/origin"
)

// parseEndpoint reads the URL of an endpoint that gets credentials: absolute,
// https or http on loopback, without user and fragment.
func parseEndpoint(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, refuse(ErrConfig, "the token endpoint is not set")
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, refuse(ErrMalformed, "not the URL of an endpoint")
	case !origin.Secure(u):
		return nil, refuse(ErrInsecure, "")
	}
	return u, nil
}
