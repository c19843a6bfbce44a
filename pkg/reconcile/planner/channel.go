package planner

import (
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/options"
)

// autoChannels are tried in this order.
var autoChannels = v1alpha1.AutoChannels()

// channel is what the unit should install. A cluster that lives keeps what its members run, whatever the option says: an
// upgrade is a procedure of its own. Those who join install what the members have.
func (in *desired) channel(u observation.Unit) string {
	if in.Latch.ClusterID != "" {
		if u.Facts.Snap != nil && (hasData(u) || in.begun(u)) {
			return u.Facts.Snap.Channel
		}
		for _, o := range in.Units {
			if o.Facts != nil && o.Facts.Snap != nil && hasData(o) {
				return o.Facts.Snap.Channel
			}
		}
	}
	if in.opts.Channel != "" {
		return in.opts.Channel
	}
	return in.autoChannel()
}

// autoChannel is one for all units, so that they are born with one version: what one of them has installed already, else the first that
// the store is not known to lack for any of them. Where it lacks all, it is the default, which units then say that they cannot have.
func (in *choice) autoChannel() string {
	for _, u := range in.alive() {
		if u.Facts != nil && u.Facts.Snap != nil && slices.Contains(autoChannels, u.Facts.Snap.Channel) {
			return u.Facts.Snap.Channel
		}
	}
	for _, channel := range autoChannels {
		if !slices.ContainsFunc(in.alive(), func(u observation.Unit) bool { return lacks(u, channel) }) {
			return channel
		}
	}
	return options.DefaultChannel
}

// lacks says that the store has told the unit which channels it has, and that this is none of them.
func lacks(u observation.Unit, channel string) bool {
	return u.Last != nil && len(u.Last.Channels) > 0 && !v1alpha1.HasChannel(u.Last.Channels, channel)
}

// goesOn says that the store lacks what the unit was asked to install, and that it is asked for the next channel by itself: that
// is no fault that a person could mend.
func (in *choice) goesOn(u observation.Unit) bool {
	return u.Last != nil && len(u.Last.Channels) > 0 && in.opts.Channel == "" && !lacks(u, in.autoChannel())
}
