//go:build integration

package integration

import (
	"encoding/json"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/rig"
)

// keep makes n machines that stay when units of etcd go, because something else lives on them.
func (w *world) keep(n string) []string {
	w.t.Helper()
	w.juju("deploy", clientCharm(w.t), "keeper", "-n", n)
	var machines []string
	w.await(func(s rig.Status) (bool, string) {
		machines = nil
		for _, u := range s.UnitNames("keeper") {
			if m := s.Unit(u); m.Machine != "" && m.PublicAddress != "" {
				machines = append(machines, m.Machine)
			}
		}
		return len(machines) == len(s.UnitNames("keeper")) && len(machines) > 0, "a machine is not there yet"
	})
	return machines
}

// put deploys an application of etcd onto machines, and relates it to the certificate authority.
func (w *world) put(name string, machines ...string) {
	w.t.Helper()
	w.juju("deploy", filepath.Join(w.Root, "dist/etcd.charm"), name, "-n", itoa(len(machines)), "--to", strings.Join(machines, ","))
	w.juju("integrate", name, "easyrsa")
}

func itoa(n int) string { return string(rune('0' + n)) }

func gone(application string) rig.Condition {
	return func(s rig.Status) (bool, string) {
		_, there := s.Applications[application]
		return !there, application + " is still there"
	}
}

// cleared fails the test unless a unit has cleared the machine: etcd does not run and will not, its ports are free, and its data is set
// aside.
func (w *world) cleared(machine string, endpoints []string) {
	w.t.Helper()
	root := w.MachineRoot(machine)
	if _, err := os.Lstat(filepath.Join(root, "var/snap/etcd/common/data/member")); err == nil {
		w.t.Errorf("machine %s: there is data", machine)
	}
	if aside, _ := filepath.Glob(filepath.Join(root, "var/snap/etcd/common/data.aside-*/wal")); len(aside) == 0 {
		w.t.Errorf("machine %s: no data is set aside", machine)
	}
	if _, err := os.Lstat(filepath.Join(root, v1alpha1.AgentDir, "owner.json")); err == nil {
		w.t.Errorf("machine %s: it is somebody's", machine)
	}
	for _, e := range endpoints {
		u, err := url.Parse(e)
		must(w.t, err)
		if conn, err := net.Dial("tcp", u.Host); err == nil {
			_ = conn.Close()
			w.t.Errorf("somebody listens at %s", u.Host)
		}
	}
}

// An application that is deployed again on the machines of one that was removed comes up by itself, as a cluster of its own: whether the
// former one's units have cleared the machines, or were removed by force and have left etcd running there.
func TestAnApplicationIsDeployedAgainOnTheSameMachines(t *testing.T) {
	runBeside(t)
	for _, name := range []string{"in peace", "by force"} {
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			machines := w.keep("3")
			w.daemon()
			w.put("etcd", machines...)
			w.await(rig.Healthy("etcd", 3))
			_, endpoints := w.client()
			before := w.latchedAs("etcd")
			if name == "by force" {
				w.juju("remove-unit", "--force", "etcd/0", "etcd/1", "etcd/2")
				w.await(func(s rig.Status) (bool, string) { return len(s.UnitNames("etcd")) == 0, "there are units" })
			}
			w.juju("remove-application", "etcd", "--no-prompt")
			w.await(gone("etcd"))
			if name == "in peace" {
				for _, m := range machines {
					w.cleared(m, endpoints)
				}
			}
			w.put("etcd", machines...)
			took := w.await(rig.Healthy("etcd", 3))
			if after := w.latchedAs("etcd"); after == before || after == "" {
				t.Errorf("cluster %s goes on as %s", before, after)
			}
			t.Logf("up again after %.1f s", took.Seconds())
		})
	}
}

// latchedAs is what the application's cluster is latched as.
func (w *world) latchedAs(application string) string {
	w.t.Helper()
	var c v1alpha1.EtcdCluster
	out, err := w.Jujuetcd(w.ctx, "get", "cluster", application, "--socket", w.Socket(), "-o", "json")
	must(w.t, err)
	must(w.t, json.Unmarshal([]byte(out), &c))
	return c.Status.ClusterID
}

// Two applications on one machine: one of them has it, and goes on as if it were alone; the other one's unit touches nothing and says
// whose the machine is. Where it has a machine of its own, and the unit on the wrong one is removed, it is born there.
func TestTwoApplicationsOnOneMachine(t *testing.T) {
	w := begin(t)
	machine := w.keep("1")[0]
	w.daemon()
	for _, name := range []string{"ea", "eb"} {
		w.juju("deploy", filepath.Join(w.Root, "dist/etcd.charm"), name, "--to", machine)
	}
	w.juju("integrate", "ea", "easyrsa")
	w.juju("integrate", "eb", "easyrsa")
	file := filepath.Join(w.MachineRoot(machine), v1alpha1.AgentDir, "owner.json")
	var has v1alpha1.UnitRef
	eventually(w.ctx, t, "somebody has the machine", func() bool {
		text, err := os.ReadFile(file)
		return err == nil && json.Unmarshal(text, &has) == nil
	})
	owner, other := has.Application(), "ea"
	if owner == "ea" {
		other = "eb"
	}
	sentence := has.Unit + " of application " + owner + " runs on this machine: one machine can carry one member"
	w.await(rig.All(rig.Healthy(owner, 1), rig.UnitShows(other+"/0", "blocked", sentence), rig.ApplicationShows(other, "blocked", sentence)))

	w.juju("add-unit", other)
	w.await(rig.ApplicationShows(other, "blocked", ""))
	w.juju("remove-unit", other+"/0")
	w.await(rig.All(rig.Healthy(owner, 1), rig.Healthy(other, 1)))
	if a, b := w.latchedAs(owner), w.latchedAs(other); a == b || a == "" || b == "" {
		t.Errorf("the clusters are %s and %s", a, b)
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), has.Unit) {
		t.Errorf("the owner is %s, %v", text, err)
	}

	// A second unit of the same application is no other matter.
	w.juju("add-unit", owner, "--to", machine)
	w.await(rig.UnitShows(owner+"/1", "blocked", sentence))
	w.await(rig.ApplicationShows(owner, "blocked", owner+"/1: "+sentence))
	w.juju("remove-unit", owner+"/1")
	w.await(rig.Healthy(owner, 1))
}
