//go:build integration

package integration

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// What can be lost of one member while the other two serve: each is reported, nothing that could
// still be needed is destroyed, and the cluster is whole again in the end, by itself or when what
// was lost is back. Through all of it a client writes, and no acknowledged write is lost.
func TestOneLostThingIsReportedAndHealed(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	for _, test := range []struct {
		name string
		// kept: the member must come back under its old ID. Otherwise it must not.
		kept bool
		// leader: it happens to the unit whose member leads, else to one that leads neither etcd
		// nor Juju.
		leader bool
		lose   func(w *world, unit string)
	}{
		{"a dead machine that Juju still shows", true, false, (*world).loseMachine},
		{"an agent that is away", true, false, (*world).loseAgent},
		{"a wiped disk", false, true, (*world).loseDisk},
		{"a changed address", true, true, (*world).changeAddress},
		{"a process that crashes at each start", true, false, (*world).breakData},
		{"a member that somebody has removed", false, false, (*world).removeByHand},
		{"a member that somebody has added", true, false, (*world).addByHand},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := w.in(t)
			unit := w.etcdLeader()
			if !test.leader {
				unit = w.bystander(unit)
			}
			before := w.memberIDs()
			writer := w.writeWithout(unit)
			test.lose(w, unit)
			w.step(test.name+" ("+unit+")", writer, rig.All(rig.Healthy("etcd", 3), rig.ApplicationShows("etcd", "active", "3 members, can lose 1")))
			w.checkMembers(3)
			after := w.memberIDs()
			name := strings.ReplaceAll(unit, "/", "")
			if same := before[name] == after[name]; same != test.kept {
				t.Errorf("%s had member ID %x and has %x", unit, before[name], after[name])
			}
			for other, id := range before {
				if other != name && after[other] != id {
					t.Errorf("%s, to which nothing happened, had member ID %x and has %x", other, id, after[other])
				}
			}
		})
	}
}

// Two of three gone: nothing is destroyed, the status says what there is, and they are taken back
// as they were.
func TestWithTwoOfThreeGoneNothingIsDestroyedAndTheyAreTakenBack(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	before := w.memberIDs()
	writer := w.write()
	s, err := w.Status(w.ctx)
	must(t, err)
	gone := slices.DeleteFunc(s.UnitNames("etcd"), func(u string) bool { return u == s.Leader("etcd") })
	for _, u := range gone {
		w.juju("fault", "stop-machine", s.Unit(u).Machine)
	}
	w.await(rig.All(rig.ApplicationShows("etcd", "blocked", "no quorum: 1 of 3 answers"),
		rig.UnitShows(s.Leader("etcd"), "blocked", "Errored with 0 known peers: ")))
	for _, u := range gone {
		w.juju("fault", "start-machine", s.Unit(u).Machine)
	}
	w.step("two of three gone and back", writer, rig.All(rig.Healthy("etcd", 3), rig.ApplicationShows("etcd", "active", "can lose 1")))
	w.checkMembers(3)
	for name, id := range w.memberIDs() {
		if before[name] != id {
			t.Errorf("%s had member ID %x and has %x", name, before[name], id)
		}
	}
}

// in is the world for a subtest.
func (w *world) in(t *testing.T) *world {
	sub := *w
	sub.t = t
	return &sub
}

// loseMachine: its member is shown as down, and stays a member until the machine is back.
func (w *world) loseMachine(unit string) {
	s, err := w.Status(w.ctx)
	must(w.t, err)
	w.juju("fault", "stop-machine", s.Unit(unit).Machine)
	w.await(rig.ApplicationShows("etcd", "active", "2 of 3 healthy, can lose 0: "+unit+" is down"))
	w.checkMembers(3)
	w.juju("fault", "start-machine", s.Unit(unit).Machine)
}

// loseAgent: etcd goes on, and so does the rest of the cluster.
func (w *world) loseAgent(unit string) {
	w.juju("fault", "stop-agent", unit)
	w.await(func(s rig.Status) (bool, string) {
		return s.Unit(unit).Agent.Current == "lost", unit + "'s agent is " + s.Unit(unit).Agent.Current
	})
	w.checkMembers(3)
	w.juju("fault", "start-agent", unit)
}

// loseDisk: what the wiped member was must not come back; it is removed, and joins anew.
func (w *world) loseDisk(unit string) {
	id := w.memberIDs()[strings.ReplaceAll(unit, "/", "")]
	w.juju("fault", "lose-disk", unit)
	s, err := w.Status(w.ctx)
	must(w.t, err)
	wal := filepath.Join(w.MachineRoot(s.Unit(unit).Machine), "var/snap/etcd/common/data/member/wal")
	w.awaitMembers("the old identity is removed", func(members []*etcdserverpb.Member) bool {
		there := slices.ContainsFunc(members, func(m *etcdserverpb.Member) bool { return m.ID == id })
		if _, err := os.Stat(wal); err == nil && there {
			w.t.Fatalf("%s has started without its data while member %x was still in the list", unit, id)
		}
		return !there
	})
}

// changeAddress: a new certificate is asked for, the others are told where to find the member, and
// it is restarted.
func (w *world) changeAddress(unit string) {
	s, err := w.Status(w.ctx)
	must(w.t, err)
	old := s.Unit(unit).PublicAddress
	w.juju("fault", "change-address", s.Unit(unit).Machine)
	s, err = w.Status(w.ctx)
	must(w.t, err)
	now := s.Unit(unit).PublicAddress
	if now == old {
		w.t.Fatalf("%s still has address %s", unit, now)
	}
	w.awaitMembers("the member is found at its new address", func(members []*etcdserverpb.Member) bool { return isAt(members, unit, now) })
}

// isAt says that the unit's member has its peers and clients find it at the address.
func isAt(members []*etcdserverpb.Member, unit, address string) bool {
	return slices.ContainsFunc(members, func(m *etcdserverpb.Member) bool {
		return m.Name == strings.ReplaceAll(unit, "/", "") && slices.Equal(m.PeerURLs, []string{"https://" + address + ":2380"}) &&
			slices.Equal(m.ClientURLs, []string{"https://" + address + ":2379"})
	})
}

// breakData: etcd ends with an error whenever it starts. It is reported, nothing is destroyed, and
// it heals when what was broken is mended.
func (w *world) breakData(unit string) {
	s, err := w.Status(w.ctx)
	must(w.t, err)
	db := filepath.Join(w.MachineRoot(s.Unit(unit).Machine), "var/snap/etcd/common/data/member/snap/db")
	w.juju("fault", "kill", unit)
	must(w.t, os.Rename(db, db+".kept"))
	must(w.t, os.WriteFile(db, []byte(strings.Repeat("no database ", 4096)), 0o600))
	w.await(rig.UnitShows(unit, "blocked", "UnHealthy with 3 known peers: "))
	w.checkMembers(3)
	must(w.t, os.Rename(db+".kept", db))
}

// removeByHand: a unit without a member. It is reported, and the unit joins anew.
func (w *world) removeByHand(unit string) {
	config, endpoints := w.client()
	client, err := rig.Connect(config, endpoints...)
	must(w.t, err)
	defer client.Close()
	name := strings.ReplaceAll(unit, "/", "")
	id := w.memberIDs()[name]
	w.whenConnected(func(ctx context.Context) error {
		_, err := client.MemberRemove(ctx, id)
		return err
	})
	w.awaitMembers("it is a member anew", func(members []*etcdserverpb.Member) bool {
		return slices.ContainsFunc(members, func(m *etcdserverpb.Member) bool { return m.Name == name && m.ID != id && !m.IsLearner })
	})
}

// addByHand: a member without a unit, which was never started, is taken back.
func (w *world) addByHand(string) {
	config, endpoints := w.client()
	client, err := rig.Connect(config, endpoints...)
	must(w.t, err)
	defer client.Close()
	w.whenConnected(func(ctx context.Context) error {
		_, err := client.MemberAddAsLearner(ctx, []string{"https://192.0.2.77:2380"})
		return err
	})
	w.awaitMembers("it is taken back", func(members []*etcdserverpb.Member) bool { return len(members) == 3 })
}

// whenConnected changes the members as soon as etcd lets it: it counts a member for that once it
// has been connected for 5 s.
func (w *world) whenConnected(change func(context.Context) error) {
	w.t.Helper()
	eventually(w.ctx, w.t, "etcd lets the members be changed", func() bool {
		ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
		defer cancel()
		err := change(ctx)
		if err != nil && !errors.Is(err, rpctypes.ErrUnhealthy) {
			w.t.Fatal(err)
		}
		return err == nil
	})
}

// bystander is a unit that leads neither etcd nor, if there is such a one, in Juju.
func (w *world) bystander(leader string) string {
	w.t.Helper()
	s, err := w.Status(w.ctx)
	must(w.t, err)
	others := slices.DeleteFunc(s.UnitNames("etcd"), func(u string) bool { return u == leader })
	if i := slices.IndexFunc(others, func(u string) bool { return u != s.Leader("etcd") }); i >= 0 {
		return others[i]
	}
	return others[0]
}

// writeWithout starts a writer on all units but one.
func (w *world) writeWithout(unit string) *etcdtest.Writer {
	w.t.Helper()
	config, endpoints := w.client()
	s, err := w.Status(w.ctx)
	must(w.t, err)
	return etcdtest.StartWriter(w.t, config, slices.DeleteFunc(endpoints, func(e string) bool {
		return strings.Contains(e, s.Unit(unit).PublicAddress+":")
	}))
}

// memberIDs are the IDs of the members by name.
func (w *world) memberIDs() map[string]uint64 {
	w.t.Helper()
	return w.memberIDsAt(w.client())
}

// memberIDsAt asks those that are reached at the endpoints.
func (w *world) memberIDsAt(config *tls.Config, endpoints []string) map[string]uint64 {
	w.t.Helper()
	client, err := rig.Connect(config, endpoints...)
	must(w.t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
	defer cancel()
	list, err := client.MemberList(ctx)
	must(w.t, err)
	ids := map[string]uint64{}
	for _, m := range list.Members {
		ids[m.Name] = m.ID
	}
	return ids
}

// Two of three machines boot with other addresses at once. They still find the one that has not
// moved, which answers over the connections that it gets, so that there is a quorum: the others are
// told of both, and then each is restarted. Nobody is lost.
func TestTwoOfThreeMayChangeTheirAddressesAtOnce(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	before := w.memberIDs()
	leader := w.etcdLeader()
	moved := slices.DeleteFunc([]string{"etcd/0", "etcd/1", "etcd/2"}, func(u string) bool { return u == w.bystander(leader) })
	writer := w.write()
	began := time.Now()
	for _, u := range moved { // etcd's leader among them
		s, err := w.Status(w.ctx)
		must(t, err)
		w.juju("fault", "change-address", s.Unit(u).Machine)
	}
	s, err := w.Status(w.ctx)
	must(t, err)
	w.awaitMembers("both are found at their new addresses", func(members []*etcdserverpb.Member) bool {
		return !slices.ContainsFunc(moved, func(u string) bool { return !isAt(members, u, s.Unit(u).PublicAddress) })
	})
	took := time.Since(began)
	w.step("two of three, "+strings.Join(moved, " and ")+", with other addresses", writer,
		rig.All(rig.Healthy("etcd", 3), rig.ApplicationShows("etcd", "active", "3 members, can lose 1")))
	w.checkMembers(3)
	for name, id := range w.memberIDs() {
		if before[name] != id {
			t.Errorf("%s had member ID %x and has %x", name, before[name], id)
		}
	}
	t.Logf("both are at home %.1f s after the first machine was restarted", took.Seconds())
}
