//go:build integration

package integration

import (
	"testing"

	"jujuetcd.io/test/rig"
)

// A snap store need not have the channel that is asked for, not even the default one: the status says where it has etcd and what to do,
// and when the option is set, the cluster is born.
func TestAChannelThatTheStoreLacksIsToldWithThoseThatItHas(t *testing.T) {
	w := begin(t)
	w.deploy("1")
	w.juju("config", "etcd", "channel=3.9/stable")
	w.daemon()
	w.await(rig.ApplicationShows("etcd", "blocked", "cannot install snap etcd from channel 3.9/stable: no snap revision on specified channel, "+
		"but in 3.6/stable; set the option channel to one that has etcd"))
	w.juju("config", "etcd", "channel=3.6/stable")
	w.await(rig.Healthy("etcd", 1))
}
