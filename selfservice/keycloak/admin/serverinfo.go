package admin

import (
	"context"
	"slices"
)

// The features that matter here, as the server names them.
const (
	featureRotation = "CLIENT_SECRET_ROTATION"
	featureDPoP     = "DPOP"
)

// State is what a server tells about a feature.
type State int

// The states of a feature.
const (
	Unknown State = iota // the server does not tell this administrator
	Off
	On
)

// ServerInfo is what the server says of itself. What it tells depends on its
// version and on who asks: an administrator of master learns more than one of
// another realm.
type ServerInfo struct {
	Version  string // empty: not told
	Rotation State  // of client-secret-rotation, which rotation profiles need
	DPoP     State
}

// ServerInfo asks the server for its version and features.
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

// feature looks at the list of features, and where the caller is not shown it
// at the names of those that are not fully supported: one of these is on unless
// it is among the disabled ones.
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
