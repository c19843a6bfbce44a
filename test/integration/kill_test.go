//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/sim/netns"
	"jujuetcd.io/test/rig"
)

// The daemon killed with SIGKILL right after a side effect, and started again, brings the cluster to the same end as without:
// the same members, once each. The simulation does this after every side effect; here is a sample, on real etcd, which is larger in
// make test-full. A side effect
// is seen from outside: one more reconcile in Juju, or another member list.
func TestADaemonKilledAfterASideEffectComesToTheSameEnd(t *testing.T) {
	runBeside(t)
	for _, after := range sample([]int{3, 9}, 1, 6, 12) {
		t.Run(fmt.Sprintf("after side effect %d", after), func(t *testing.T) {
			w := begin(t)
			w.killedAfter(after, func() { w.daemon() })
		})
	}
}

// The same in a closed network, where changes are made by units: while they are asked for, made and answered.
func TestADaemonKilledInAClosedNetworkComesToTheSameEnd(t *testing.T) {
	runBeside(t)
	for _, after := range sample([]int{15}, 20) {
		t.Run(fmt.Sprintf("after side effect %d", after), func(t *testing.T) {
			w := begin(t)
			network, err := w.NewClosedNetwork(w.ctx, "admin/demo")
			if errors.Is(err, netns.ErrNotRoot) {
				t.Skipf("THIS TEST DID NOT RUN: %v", err)
			}
			must(t, err)
			t.Cleanup(network.Close)
			w.killedAfter(after, func() { must(t, network.StartDaemon(w.Rig, "jujuetcd", w.password, "admin/demo")) })
		})
	}
}

// killedAfter lets a cluster grow from one to three, kills the daemon after so many side effects and starts it again.
func (w *world) killedAfter(after int, start func()) {
	w.t.Helper()
	start()
	w.deploy("1")
	added := false
	seen := 0
	last := ""
	ctx, cancel := context.WithTimeout(w.ctx, 3*time.Minute)
	defer cancel()
	for seen < after {
		if mark := w.effects(ctx); mark != last {
			last = mark
			seen++
		}
		if s, err := w.Status(ctx); err == nil && !added && strings.HasPrefix(s.Unit("etcd/0").Workload.Message, "Healthy") {
			w.juju("add-unit", "etcd", "-n", "2")
			added = true
		}
		if ctx.Err() != nil {
			w.t.Fatalf("only %d side effects were seen", seen)
		}
	}
	w.KillDaemon()
	if !added {
		w.juju("add-unit", "etcd", "-n", "2")
	}
	start()
	took := w.await(rig.Healthy("etcd", 3))

	w.oneMemberEach(w.t, "etcd0", "etcd1", "etcd2")
	w.t.Logf("killed after %d side effects (%s); three healthy %.1f s after the restart", seen, last, took.Seconds())
}

// effects sums up what the daemon has done so far.
func (w *world) effects(ctx context.Context) string {
	tasks, err := w.api.Tasks(ctx)
	if err != nil {
		return "?"
	}
	mark := fmt.Sprintf("%d reconciles", tasks)
	s, err := w.Status(ctx)
	if err != nil {
		return mark
	}
	endpoints := s.Endpoints("etcd")
	if len(endpoints) == 0 {
		return mark
	}
	credentials, err := w.Credentials(ctx, "etcd")
	if err != nil {
		return mark
	}
	config, err := credentials.TLS()
	if err != nil {
		return mark
	}
	client, err := rig.Connect(config, endpoints...)
	if err != nil {
		return mark
	}
	defer client.Close()
	one, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	list, err := client.MemberList(one)
	if err != nil {
		return mark
	}
	learners := 0
	for _, m := range list.Members {
		if m.IsLearner {
			learners++
		}
	}
	return fmt.Sprintf("%s, %d members, %d learners", mark, len(list.Members), learners)
}
