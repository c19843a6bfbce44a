//go:build integration

package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// Three units deployed at once are born together: one static bootstrap, in which each member is
// started with `new` once. The time is given as a ratio to the same three servers started by hand,
// in the same run.
func TestThreeUnitsAreBornTogetherEachStartedWithNewOnce(t *testing.T) {
	byHand := time.Now()
	etcdtest.Start(t, etcdtest.Options{Members: 3})
	hand := time.Since(byHand)

	w := begin(t, jujusDelays)
	w.daemon()
	began := time.Now()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	took := time.Since(began)

	reconciles, err := w.api.Reconciles(w.ctx)
	must(t, err)
	news := map[string]int{}
	for _, r := range reconciles {
		if i := r.Spec.Etcd.Initial; i != nil && i.State == v1alpha1.InitialNew && r.Result.Outcome == v1alpha1.OutcomeApplied {
			news[r.Unit]++
			if len(i.Members) != 3 {
				t.Errorf("%s was started with %d members, not three at once", r.Unit, len(i.Members))
			}
		}
		if i := r.Spec.Etcd.Initial; i != nil && i.State == v1alpha1.InitialExisting {
			t.Errorf("%s joined (task %d): the bootstrap was not static", r.Unit, r.Task)
		}
	}
	for _, unit := range []string{"etcd/0", "etcd/1", "etcd/2"} {
		if news[unit] != 1 {
			t.Errorf("%s was started with `new` %d times, not once", unit, news[unit])
		}
	}
	t.Logf("from `deploy -n 3` to three healthy: %.1f s; the same three servers by hand: %.1f s; ratio %.1f; %d reconciles",
		took.Seconds(), hand.Seconds(), took.Seconds()/hand.Seconds(), len(reconciles))
}

// From one to three under a writing client: no acknowledged write is lost, and at no time is there
// more than one member that is a learner or was never started.
func TestGrowthFromOneToThreeLosesNoWriteAndAddsOneMemberAtATime(t *testing.T) {
	w := begin(t, jujusDelays)
	w.daemon()
	w.deploy("1")
	w.await(rig.Healthy("etcd", 1))
	config, endpoints := w.client()
	writer := etcdtest.StartWriter(t, config, endpoints)

	watcher, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer watcher.Close()
	ctx, stop := context.WithCancel(w.ctx)
	watched := make(chan struct{})
	looks, worst := 0, 0
	go func() {
		defer close(watched)
		for ctx.Err() == nil {
			one, cancel := context.WithTimeout(ctx, time.Second)
			list, err := watcher.MemberList(one)
			cancel()
			if err != nil {
				continue
			}
			looks++
			unfinished := 0
			for _, m := range list.Members {
				if m.IsLearner || m.Name == "" {
					unfinished++
				}
			}
			worst = max(worst, unfinished)
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()

	quiet := len(w.Log("jujuetcd"))
	w.juju("add-unit", "etcd", "-n", "2")
	took := w.await(rig.Healthy("etcd", 3))
	stop()
	<-watched
	_, all := w.client()
	writer.SetEndpoints(all...)
	report := writer.VerifyNoneLost()
	if worst > 1 {
		t.Errorf("%d members were unfinished at one time", worst)
	}
	if worst == 0 || looks < 50 {
		t.Errorf("no join was seen in %d looks at the member list: this test has watched nothing", looks)
	}
	t.Logf("1 -> 3 in %.1f s; %s; at most %d unfinished member in %d looks\n%s", took.Seconds(), report, worst, looks, w.phases(quiet))
}

// Unit numbers have gaps when units have come and gone: names and order do not depend on them being
// dense.
func TestUnitsThatComeWhileOthersJoinAreTakenInTurn(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("1")
	w.juju("add-unit", "etcd", "-n", "1")
	w.await(rig.UnitShows("etcd/0", "active", "Healthy with"))
	w.juju("add-unit", "etcd", "-n", "1")
	took := w.await(rig.Healthy("etcd", 3))
	w.oneMemberEach(t, "etcd0", "etcd1", "etcd2")
	t.Logf("three healthy %.1f s after the last unit was added", took.Seconds())
}

// A new member of a cluster that holds more than 5000 entries is sent a database, and etcd does not
// let it serve before one more entry: where nobody writes, the daemon does.
func TestUnitJoinsAClusterThatNobodyWritesTo(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("1")
	w.await(rig.Healthy("etcd", 1))
	config, endpoints := w.client()
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer client.Close()
	var writers errgroup.Group
	writers.SetLimit(64)
	for i := range 7000 {
		writers.Go(func() error {
			_, err := client.Put(w.ctx, fmt.Sprintf("entry/%d", i%100), "")
			return err
		})
	}
	must(t, writers.Wait())

	w.juju("add-unit", "etcd", "-n", "2")
	took := w.await(rig.Healthy("etcd", 3))
	w.oneMemberEach(t, "etcd0", "etcd1", "etcd2")
	t.Logf("1 -> 3 in %.1f s", took.Seconds())
}
