//go:build integration

package integration

import (
	"testing"

	"jujuetcd.io/test/rig"
)

// A unit whose port another process has is not added, its status and the application's say why, and one that comes later and can start
// is not kept waiting for it. When the port is free it joins by itself.
func TestAUnitWhosePortIsTakenJoinsWhenItIsFree(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("1")
	w.relateClient()
	w.await(rig.Healthy("etcd", 1))
	w.await(rig.UnitShows("etcdclient/0", "active", "1 endpoint"))
	s, err := w.Status(w.ctx)
	must(t, err)
	there := s.Unit("etcdclient/0")
	free := occupy(t, there.PublicAddress, 2380)

	w.juju("add-unit", "etcd", "--to", there.Machine)
	const taken = "another process listens at "
	w.await(rig.UnitShows("etcd/1", "blocked", taken+there.PublicAddress+":2380"))
	w.await(rig.ApplicationShows("etcd", "blocked", "etcd/1: cannot start etcd: "+taken))
	w.oneMemberEach(t, "etcd0")

	w.juju("add-unit", "etcd")
	w.await(rig.UnitShows("etcd/2", "active", "Healthy with 2 known peers"))
	w.oneMemberEach(t, "etcd0", "etcd2")

	must(t, free())
	w.await(rig.Healthy("etcd", 3))
	w.await(rig.ApplicationShows("etcd", "active", "3 members, can lose 1"))
}
