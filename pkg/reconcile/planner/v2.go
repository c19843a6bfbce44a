package planner

import (
	"fmt"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

// v2For says that the unit's etcd is to serve the v2 API.
func (in *desired) v2For(u observation.Unit) bool {
	return in.Latch.V2() && u.Facts.Protocol >= v1alpha1.ProtocolV2
}

// refuseV2Channel: etcd 3.6 has no v2 API, and does not start on data with v2 keys. A channel that
// names no version may be anything by tomorrow.
func (in *choice) refuseV2Channel(refuse func(option, format string, args ...any)) {
	channel := in.opts.Channel
	if !in.Latch.V2() || channel == "" {
		return
	}
	var minor int
	if _, err := fmt.Sscanf(channel, "3.%d", &minor); err == nil && minor <= v1alpha1.LastMinorV2 {
		return
	}
	refuse("channel", "Option channel is %s, and the cluster has keys of the v2 API, which ends with etcd 3.5; restoring a snapshot of its v3 keys "+
		"(restore replace=%s) gives them up and ends this.", channel, in.Latch.ClusterID)
}
