package v1alpha1

import (
	"slices"
	"strings"
)

// AutoChannels are what a new cluster installs while the option channel is auto: the first that the store has. Whoever runs a store
// of their own, or a proxy that lets some channels through, gets a cluster, too, and a track that is published later changes no
// cluster that lives. The list is the caller's.
func AutoChannels() []string { return []string{"3.6/stable", "3.5/stable", "3.4/stable"} }

// HasChannel says that a channel is among those that the store names. Of a track snapd may name the risk stable or leave it out.
func HasChannel(named []string, channel string) bool {
	return slices.Contains(named, channel) || slices.Contains(named, strings.TrimSuffix(channel, "/stable"))
}
