//go:build integration

package integration

import (
	"path/filepath"
	"slices"
	"testing"

	"jujuetcd.io/test/rig"
)

// relateClient deploys the client's charm and relates it.
func (w *world) relateClient() {
	w.t.Helper()
	w.juju("deploy", filepath.Join(w.Root, "dist/etcdclient.charm"))
	w.juju("integrate", "etcd:db", "etcdclient:db")
}

// A client that knows only what the relation db gives its charm reaches the cluster at any time,
// whatever becomes of the cluster: no call fails, and none takes longer than an election and a
// connection's timeout.
func TestAClientThatOnlyReadsItsRelationNeverFails(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("3")
	w.relateClient()
	w.await(rig.Healthy("etcd", 3))
	c := w.startDBClient()
	c.awaitEndpoints(w, 3)

	w.juju("add-unit", "etcd", "-n", "2")
	w.await(rig.Healthy("etcd", 5))
	c.awaitEndpoints(w, 5)
	c.lap(t, "3 -> 5")

	before := c.certificate()
	w.juju("run", "easyrsa/0", "reissue")
	eventually(w.ctx, t, "the client has a new certificate", func() bool { return c.certificate() != before })
	c.lap(t, "certificates issued anew")

	w.juju("fault", "tell-departures") // TestAClientThatReadsOneUnitsDatabagNeverFails has peers that hear nothing
	leader := w.etcdLeader()
	s, err := w.Status(w.ctx)
	must(t, err)
	other := slices.DeleteFunc(s.UnitNames("etcd"), func(u string) bool { return u == leader })[0]
	w.juju("remove-unit", leader, other)
	w.await(rig.Healthy("etcd", 3))
	c.awaitEndpoints(w, 3)
	c.lap(t, "5 -> 3 without "+leader+" (etcd's leader) and "+other)
}
