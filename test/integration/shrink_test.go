//go:build integration

package integration

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// The way that clusters go in their lives, under writes: grown and shrunk again, each time with the unit among the removed
// whose member leads, and with Juju's leader. No acknowledged write is lost, a member that leaves is told to clients before
// it goes, and what is left has closed its ports behind it.
func TestFromOneToFiveAndBackToOneLosesNoWrite(t *testing.T) {
	w := begin(t)
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
}

// write starts a writer on all units that serve clients now.
func (w *world) write() *etcdtest.Writer {
	w.t.Helper()
	config, endpoints := w.client()
	return etcdtest.StartWriter(w.t, config, endpoints)
}

// step waits for the end of a step that a writer writes through, tells the gap, and checks that nothing is lost.
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
	config, endpoints := w.client()
	name, err := leaderName(w.ctx, config, endpoints)
	must(w.t, err)
	return "etcd/" + strings.TrimPrefix(name, "etcd")
}

func leaderName(ctx context.Context, config *tls.Config, endpoints []string) (string, error) {
	client, err := rig.Connect(config, endpoints...)
	if err != nil {
		return "", err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	status, err := client.Status(ctx, endpoints[0])
	if err != nil {
		return "", err
	}
	list, err := client.MemberList(ctx)
	if err != nil {
		return "", err
	}
	for _, m := range list.Members {
		if m.ID == status.Leader {
			return m.Name, nil
		}
	}
	return "", fmt.Errorf("cannot find the leader %x in the member list", status.Leader)
}

// checkMembers: the member list has as many members as Juju has units, all started voters, each by the name of its unit.
func (w *world) checkMembers(n int) {
	w.t.Helper()
	config, endpoints := w.client()
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

var _ = filepath.Join
