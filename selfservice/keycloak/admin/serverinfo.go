package admin

import (
	"context"
	"slices"
)

// The server's names of features.
const (
	featureRotation = "CLIENT_SECRET_ROTATION"
	featureDPoP     = "DPOP"
)

// State is what is known of a feature.
type State int

// The states of a feature.
const (
	Unknown State = iota // this administrator is not shown it
	Off
	On
)

// ServerInfo describes the server. How much it tells depends on its version and
// on the caller: administrators in the realm master are shown more than others.
type ServerInfo struct {
	Version  string // empty if it is not shown
	Rotation State  // of client-secret-rotation, which rotation profiles need
	DPoP     State
}

// ServerInfo returns the server's version and features.
func (a *API) ServerInfo(ctx context.Context) (ServerInfo, error) {
	var answer serverInfo
	if err := a.get(ctx, "/serverinfo", nil, &answer); err != nil {
		return ServerInfo{}, err
	}
	info := ServerInfo{
		Version:  answer.System.Version,
		Rotation: answer.feature(featureRotation),
		DPoP:     answer.feature(featureDPoP),
	}
	if executors := answer.Providers["client-policy-executor"].Providers; info.Rotation == Unknown && executors != nil {
		info.Rotation = Off
		if _, ok := executors[rotationExecutor]; ok {
			info.Rotation = On
		}
	}
	return info, nil
}

type serverInfo struct {
	System struct {
		Version string `json:"version"`
	} `json:"systemInfo"`
	Features []struct {
		Name    string `json:"name"`
		Enabled bool   `json:"enabled"`
	} `json:"features"`
	Profile *struct {
		Disabled     []string `json:"disabledFeatures"`
		Preview      []string `json:"previewFeatures"`
		Experimental []string `json:"experimentalFeatures"`
	} `json:"profileInfo"`
	Providers map[string]struct {
		Providers map[string]any `json:"providers"`
	} `json:"providers"`
}

// feature looks at the list of features or, if the caller is not shown that, at
// the names of preview and experimental ones: they are on unless listed as
// disabled.
func (s *serverInfo) feature(name string) State {
	for _, f := range s.Features {
		if f.Name == name && f.Enabled {
			return On
		}
		if f.Name == name {
			return Off
		}
	}
	switch {
	case s.Profile == nil:
		return Unknown
	case slices.Contains(s.Profile.Disabled, name):
		return Off
	case slices.Contains(s.Profile.Preview, name), slices.Contains(s.Profile.Experimental, name):
		return On
	}
	return Unknown
}
