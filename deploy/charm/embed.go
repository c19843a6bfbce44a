// Package charmfiles holds the files of the charm that are not programs. Package pack puts them into archives, and jujusim
// and tests read from them what the charm says of itself.
package charmfiles

import "embed"

// Files are metadata.yaml, config.yaml, actions.yaml, manifest.yaml and charmcraft.yaml.
//
//go:embed metadata.yaml config.yaml actions.yaml manifest.yaml charmcraft.yaml
var Files embed.FS
