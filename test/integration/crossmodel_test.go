//go:build integration

package integration

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/test/rig"
)

// Clients of another model relate to an offer. They are given the addresses that Juju says they
// reach each unit at, which may be public ones, with certificates that are good for these, while
// clients of the model itself are given its own. Neither fails while the cluster grows and shrinks,
// and when the relation ends, or the consumed application is removed, or the offer, nothing is left
// of it.
func TestClientsOfAnotherModelReachTheClusterThroughAnOffer(t *testing.T) {
	w := begin(t, "--public-addresses")
	w.daemon()
	w.deploy("3")
	w.relateClient()
	w.juju("add-model", "second")
	w.juju("deploy", filepath.Join(w.Root, "dist/etcdclient.charm"), "-m", "second")
	w.juju("offer", "etcd:db")
	w.juju("consume", "admin/demo.etcd", "-m", "second")
	w.juju("integrate", "etcd:db", "etcdclient:db", "-m", "second")
	w.await(rig.Healthy("etcd", 3))

	file := filepath.Join(w.Dir, "s/m-second/0/var/lib/etcdclient/db.json")
	far, near := w.startDBClientAt(file), w.startDBClient()
	w.listsOf("born", near, far)
	w.juju("add-unit", "etcd")
	w.await(rig.Healthy("etcd", 4))
	w.listsOf("grown", near, far)
	leader := w.etcdLeader()
	w.juju("remove-unit", leader)
	w.await(rig.Healthy("etcd", 3))
	w.listsOf("shrunk without "+leader, near, far)

	far.stop()
	w.juju("remove-relation", "etcd:db", "etcdclient:db", "-m", "second")
	eventually(w.ctx, t, "what was published to the other model is gone", func() bool { return len(w.saidAt(file)) == 0 })
	near.lap(t, "the offer's relation ended")

	again := func() {
		t.Helper()
		// Until the hooks of both sides have run, the relation that ended is still there.
		eventually(w.ctx, t, "they can be related again", func() bool {
			_, err := w.Juju(w.ctx, "integrate", "etcd:db", "etcdclient:db", "-m", "second")
			return err == nil
		})
		eventually(w.ctx, t, "the other model is given it again", func() bool { return w.saidAt(file)["connection_string"] != "" })
	}
	withdrawn := func() bool {
		return len(w.saidAt(file)) == 0 && !slices.ContainsFunc(w.etcdUnits(), func(unit string) bool {
			return strings.Contains(w.juju("show-unit", unit), "remote-")
		})
	}
	again()
	w.juju("remove-saas", "etcd", "-m", "second")
	eventually(w.ctx, t, "with the consumed application all is withdrawn", withdrawn)
	eventually(w.ctx, t, "it can be consumed again", func() bool {
		_, err := w.Juju(w.ctx, "consume", "admin/demo.etcd", "-m", "second")
		return err == nil
	})
	again()
	if out, err := w.Juju(w.ctx, "remove-offer", "admin/demo.etcd"); err == nil {
		t.Errorf("an offer that is used is taken back: %s", out)
	}
	w.juju("remove-offer", "--force", "admin/demo.etcd")
	eventually(w.ctx, t, "with the offer all is withdrawn", withdrawn)
	w.juju("remove-saas", "etcd", "-m", "second")
	near.lap(t, "the consumed application and the offer removed")
}

// listsOf waits until the clients of both models know all units, each by its own addresses, and
// reports their phase.
func (w *world) listsOf(phase string, near, far *dbClient) {
	w.t.Helper()
	s, err := w.Status(w.ctx)
	must(w.t, err)
	var own, public []string
	for _, name := range s.UnitNames("etcd") {
		address := s.Unit(name).PublicAddress
		own, public = append(own, "https://"+address+":2379"), append(public, "https://"+inSpace(w.t, address, 1)+":2379")
	}
	slices.Sort(own)
	slices.Sort(public)
	eventually(w.ctx, w.t, "both models know "+strings.Join(own, ","), func() bool {
		return near.list() == strings.Join(own, ",") && far.list() == strings.Join(public, ",")
	})
	near.lap(w.t, phase+", its own model")
	far.lap(w.t, phase+", the other model")
}
