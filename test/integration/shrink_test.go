//go:build integration

package integration

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// The way that clusters go in their lives, under writes: grown and shrunk again, each time with the
// unit among the removed whose member leads, and with Juju's leader. No acknowledged write is lost,
// clients are informed of a member that leaves before it goes, and what is left has closed its
// ports behind it.
func TestFromOneToFiveAndBackToOneLosesNoWrite(t *testing.T) {
	runBeside(t)
	for _, profile := range []string{"4.0", "3.6"} {
		t.Run("Juju "+profile, func(t *testing.T) {
			w := begin(t, "--profile", profile)
			w.daemon()
			w.deploy("1")
			w.await(rig.Healthy("etcd", 1))

			// 1 -> 3 -> 5: members come one at a time.
			writer := w.write()
			w.juju("add-unit", "etcd", "-n", "2")
			w.step("1 -> 3", writer, rig.Healthy("etcd", 3))
			writer = w.write()
			w.juju("add-unit", "etcd", "-n", "2")
			w.step("3 -> 5", writer, rig.Healthy("etcd", 5))

			// 5 -> 3: two at once, the one whose member leads and the one that leads in Juju.
			writer = w.write()
			s, err := w.Status(w.ctx)
			must(t, err)
			gone := []string{w.etcdLeader(), s.Leader("etcd")}
			if gone[0] == gone[1] { // one unit is both: another one goes with it
				others := slices.DeleteFunc(s.UnitNames("etcd"), func(u string) bool { return u == gone[0] })
				gone[1] = others[0]
			}
			w.juju(append([]string{"remove-unit"}, gone...)...)
			w.step(fmt.Sprintf("5 -> 3 without %s (etcd's leader) and %s (Juju's)", gone[0], gone[1]), writer, rig.Healthy("etcd", 3))
			w.checkMembers(3)

			// 3 -> 1: again two at once, again with the leader.
			writer = w.write()
			gone = []string{w.etcdLeader()}
			s, err = w.Status(w.ctx)
			must(t, err)
			for _, u := range s.UnitNames("etcd") {
				if u != gone[0] && len(gone) < 2 {
					gone = append(gone, u)
				}
			}
			w.juju(append([]string{"remove-unit"}, gone...)...)
			w.step("3 -> 1 without "+strings.Join(gone, " (etcd's leader) and "), writer, rig.Healthy("etcd", 1))
			w.checkMembers(1)
		})
	}
}

// serving waits until all units have opened their ports, which they do last, and returns how to
// reach them.
func (w *world) serving() (*tls.Config, []string) {
	w.t.Helper()
	w.await(func(s rig.Status) (bool, string) {
		return len(s.Endpoints("etcd")) == len(s.UnitNames("etcd")), "a unit has not opened its port"
	})
	return w.client()
}

// write starts a writer on all units that serve clients now.
func (w *world) write() *etcdtest.Writer {
	w.t.Helper()
	config, endpoints := w.serving()
	return etcdtest.StartWriter(w.t, config, endpoints)
}

// step waits for the end of a step that a writer writes through, reports the gap, and checks that
// nothing is lost.
func (w *world) step(name string, writer *etcdtest.Writer, end rig.Condition) {
	w.t.Helper()
	took := w.await(end)
	_, endpoints := w.client()
	writer.SetEndpoints(endpoints...)
	w.t.Logf("%s: %.1f s; %s", name, took.Seconds(), writer.VerifyNoneLost())
}

// etcdLeader is the unit whose member leads.
func (w *world) etcdLeader() string {
	w.t.Helper()
	config, endpoints := w.serving()
	unit, err := rig.LeaderUnit(w.ctx, config, endpoints, "etcd")
	must(w.t, err)
	return unit
}

// checkMembers: the member list has as many members as Juju has units, all started voters, each by
// the name of its unit.
func (w *world) checkMembers(n int) {
	w.t.Helper()
	config, endpoints := w.serving()
	client, err := rig.Connect(config, endpoints...)
	must(w.t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
	defer cancel()
	list, err := client.MemberList(ctx)
	must(w.t, err)
	s, err := w.Status(w.ctx)
	must(w.t, err)
	var have, want []string
	for _, m := range list.Members {
		have = append(have, m.Name)
		if m.IsLearner {
			w.t.Errorf("%s is a learner", m.Name)
		}
	}
	for _, u := range s.UnitNames("etcd") {
		want = append(want, strings.ReplaceAll(u, "/", ""))
	}
	slices.Sort(have)
	slices.Sort(want)
	if len(have) != n || !slices.Equal(have, want) {
		w.t.Errorf("members are %v, units %v; %d of each were expected", have, want, n)
	}
}

// A unit that is removed while it joins is taken out of the list again, whether it had started or
// not, and nothing is left of it.
func TestAUnitRemovedWhileItJoinsLeavesNothingBehind(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	writer := w.write()
	w.juju("add-unit", "etcd")
	w.awaitMembers("etcd/3 joins", func(members []*etcdserverpb.Member) bool { return len(members) == 4 })
	w.juju("remove-unit", "etcd/3")
	w.step("a unit removed while it joins", writer, rig.Healthy("etcd", 3))
	w.checkMembers(3)
}

// Clients hear of a shorter list before the member goes that is not in it any more, and its unit
// has closed its port by then or goes with its machine.
func TestClientsHearOfARemovalBeforeTheMemberGoes(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("3")
	w.juju("deploy", clientCharm(t), "client")
	w.juju("integrate", "etcd:db", "client:db")
	w.await(rig.Healthy("etcd", 3))
	config, endpoints := w.serving()
	leaving := w.etcdLeader()
	s, err := w.Status(w.ctx)
	must(t, err)
	address := s.Unit(leaving).PublicAddress
	stay := slices.DeleteFunc(slices.Clone(endpoints), func(e string) bool { return strings.Contains(e, address) })
	client, err := rig.Connect(config, stay...)
	must(t, err)
	defer client.Close()
	eventually(w.ctx, t, "clients have all three endpoints", func() bool {
		return slices.Equal(w.publishedLists(), []string{strings.Join(endpoints, ",")})
	})

	w.juju("remove-unit", leaving)
	before := 0
	eventually(w.ctx, t, "the member is gone", func() bool {
		lists := w.publishedLists() // read first: what is seen in the list now was there when clients had heard already
		ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
		defer cancel()
		list, err := client.MemberList(ctx)
		if err != nil {
			return false
		}
		heard := !slices.ContainsFunc(lists, func(text string) bool { return strings.Contains(text, address) })
		if len(list.Members) == 3 && heard {
			before++
		}
		return len(list.Members) == 2
	})
	if before == 0 {
		t.Errorf("the member of %s was gone before clients had heard of it", leaving)
	}
	w.await(rig.Healthy("etcd", 2))
	s, err = w.Status(w.ctx)
	must(t, err)
	for _, u := range s.UnitNames("etcd") {
		if got := s.Unit(u).OpenPorts; len(got) != 1 {
			t.Errorf("%s has ports %v open", u, got)
		}
	}
	for _, text := range w.publishedLists() {
		if text != strings.Join(stay, ",") {
			t.Errorf("clients are given %q, not %q", text, strings.Join(stay, ","))
		}
	}
	t.Logf("%d looks saw clients informed of %s's removal while its member was still there", before, leaving)
}

// A unit that vanishes with its machine leaves a member behind, which is removed by its ID when the
// grace is over, and not before. A policy file shortens the grace here. The unit that replaces it
// joins after that: of three members with one dead, etcd lets the dead one go first, and only then
// a new one in.
func TestTheMemberOfAUnitRemovedByForceIsRemovedAfterTheGrace(t *testing.T) {
	const grace = 8 * time.Second
	policies := t.TempDir()
	must(t, os.WriteFile(filepath.Join(policies, "etcd.yaml"), fmt.Appendf(nil, `apiVersion: jujuetcd.io/v1alpha1
kind: EtcdCluster
metadata:
  name: etcd
spec:
  removal:
    grace: %s
`, grace), 0o600))
	w := begin(t)
	w.daemon("--config-dir", policies)
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	config, endpoints := w.serving()
	leaving := w.etcdLeader()
	s, err := w.Status(w.ctx)
	must(t, err)
	address := s.Unit(leaving).PublicAddress
	writer := etcdtest.StartWriter(t, config, slices.DeleteFunc(endpoints, func(e string) bool { return strings.Contains(e, address) }))

	forced := time.Now()
	w.juju("remove-unit", "--force", leaving)
	w.juju("add-unit", "etcd")
	w.awaitMembers("the member is removed", func(members []*etcdserverpb.Member) bool { return len(members) == 2 })
	if took := time.Since(forced); took < grace {
		t.Errorf("the member was removed after %s; its grace is %s", took, grace)
	}
	w.step("forced away, etcd's leader "+leaving+", and replaced", writer, rig.Healthy("etcd", 3))
	w.checkMembers(3)
}

// clientCharm is a charm that wants etcd and does nothing.
func clientCharm(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "metadata.yaml"), []byte(
		"name: client\nsummary: wants etcd\ndescription: wants etcd\nrequires:\n  db:\n    interface: etcd\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "dispatch"), []byte("#!/bin/sh\nexit 0\n"), 0o700))
	return dir
}

// publishedLists are the different connection strings that units of etcd publish to the client,
// those of units that have gone left out.
func (w *world) publishedLists() []string {
	w.t.Helper()
	var shown map[string]struct {
		Relations []struct {
			Endpoint string `json:"endpoint"`
			Units    map[string]struct {
				InScope bool              `json:"in-scope"`
				Data    map[string]string `json:"data"`
			} `json:"related-units"`
		} `json:"relation-info"`
	}
	must(w.t, json.Unmarshal([]byte(w.juju("show-unit", "client/0", "--format", "json")), &shown))
	var lists []string
	for _, r := range shown["client/0"].Relations {
		for _, u := range r.Units {
			if text := u.Data["connection_string"]; u.InScope && !slices.Contains(lists, text) {
				lists = append(lists, text)
			}
		}
	}
	return lists
}

// awaitMembers waits until the member list is as wanted.
func (w *world) awaitMembers(what string, want func([]*etcdserverpb.Member) bool) {
	w.t.Helper()
	config, endpoints := w.client()
	client, err := rig.Connect(config, endpoints...)
	must(w.t, err)
	defer client.Close()
	eventually(w.ctx, w.t, what, func() bool {
		ctx, cancel := context.WithTimeout(w.ctx, 2*time.Second)
		defer cancel()
		list, err := client.MemberList(ctx)
		return err == nil && want(list.Members)
	})
}

// eventually looks every 50 ms until it is so.
func eventually(ctx context.Context, t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for !so() {
		select {
		case <-ctx.Done():
			t.Fatalf("it never is so: %s", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// An application that is removed goes by itself: there is nothing left to guard, and no hook fails
// on the way, whoever of the units and the certificate authority is the first to leave.
func TestARemovedApplicationGoes(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	w.juju("remove-application", "etcd", "--no-prompt")
	took := w.await(func(s rig.Status) (bool, string) {
		for _, name := range s.UnitNames("etcd") {
			if line := s.Unit(name).Workload; line.Current == "error" {
				t.Errorf("%s: %s", name, line)
			}
		}
		_, there := s.Applications["etcd"]
		return !there, "etcd is still there"
	})
	t.Logf("gone %.1f s after remove-application", took.Seconds())
}
