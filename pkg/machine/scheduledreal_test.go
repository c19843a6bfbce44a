package machine_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
)

// TestAScheduleOfARealEtcd: each snapshot has what was acknowledged before it, one that a member does
// not answer for is told of and the last good one stays, and the next attempt goes well.
func TestAScheduleOfARealEtcd(t *testing.T) {
	const address = "127.83.9.6"
	host, agent := simulated(t, address)
	spec, s := alone(t, address)
	apply := func() *v1alpha1.SnapshotFacts {
		t.Helper()
		s.Action++
		status := agent.Apply(t.Context(), &spec, s)
		if status.Outcome != v1alpha1.OutcomeApplied {
			t.Fatalf("%+v", status)
		}
		return status.Facts.Snapshots
	}
	drill := func(tick string) *v1alpha1.DrillFacts {
		t.Helper()
		spec.Delivery.Snapshot, spec.Delivery.Drill = nil, &v1alpha1.DrillOrder{ID: tick}
		defer func() { spec.Delivery.Drill = nil }()
		s.Action++
		status := agent.Apply(t.Context(), &spec, s)
		if status.Outcome != v1alpha1.OutcomeApplied {
			t.Fatalf("%+v", status)
		}
		return status.Facts.Drill
	}
	order := func(tick string, attempt int32) *v1alpha1.SnapshotFacts {
		t.Helper()
		spec.Delivery.Snapshot = &v1alpha1.SnapshotOrder{ID: tick, Attempt: attempt, Keep: 1}
		return apply()
	}
	apply()
	spec.Service.State = v1alpha1.ServiceRunning
	spec.Etcd.Initial = &v1alpha1.InitialCluster{Token: "tok", State: v1alpha1.InitialNew,
		Members: []v1alpha1.NamedMember{{Name: "etcd0", PeerURL: "https://" + address + ":2380"}}}
	apply()
	spec.Etcd.Initial = nil
	facts, err := agent.Facts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Latch.ClusterID = facts.Member.ClusterID
	spec.Delivery.ExpectClusterID, spec.Delivery.ExpectMemberID = facts.Member.ClusterID, facts.Member.MemberID

	if empty := order(tick1, 0); empty.Tried.Fault != "" || empty.Last == nil {
		t.Fatalf("of a cluster in which nothing was written: %+v", empty)
	}
	if d := drill(tick1); d.Tried.Fault != "" || d.Last == nil || !d.Last.Hashed || d.Last.Keys != 0 {
		t.Fatalf("of a cluster in which nothing was written: %+v, %+v", d.Tried, d.Last)
	}
	var revision int64
	withClient(t, agent, spec.Etcd.AdvertiseClientURLs[0], func(ctx context.Context, c *clientv3.Client) error {
		for i := range 200 {
			put, err := c.Put(ctx, fmt.Sprint("key", i%20), strings.Repeat("x", 1000))
			if err != nil {
				return err
			}
			revision = put.Header.Revision
		}
		return nil
	})
	good := order(tick2, 0)
	if good.Tried.Fault != "" || good.Last.ID != tick2 || good.Last.Revision != revision {
		t.Fatalf("%+v, last %+v, want revision %d", good.Tried, good.Last, revision)
	}
	began := time.Now()
	d := drill(tick2)
	t.Logf("the drill took %s", time.Since(began))
	if d.Tried.Fault != "" || d.Last.ID != tick2 || d.Last.Tick != tick2 || d.Last.Keys != 20 || d.Last.Revision != revision || !d.Last.Hashed {
		t.Errorf("%+v, %+v", d.Tried, d.Last)
	}
	list, err := agent.ListSnapshots(t.Context(), machine.DefaultSnapshots, true)
	if err != nil || len(list) != 1 || !list[0].Verified || list[0].SHA256 != good.Last.SHA256 || list[0].Revision != revision || list[0].Origin.Tick != tick2 {
		t.Errorf("it lists %+v, %v", list, err)
	}

	pid, err := strconv.Atoi(host.Service("snap.etcd.etcd", "MainPID"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	mute := order(tick3, 0)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if mute.Tried.ID != tick3 || mute.Tried.Fault == "" || mute.Last.ID != tick2 || mute.Last.Missing {
		t.Errorf("of a member that does not answer: %+v, last %+v", mute.Tried, mute.Last)
	}
	t.Log(mute.Tried.Fault)
	again := order(tick3, 1)
	if again.Tried.Fault != "" || again.Last.ID != tick3 {
		t.Errorf("%+v", again.Tried)
	}
	if a, err := snapshot.Inspect(t.Context(), agent.Path(again.Last.Path), again.Last.SHA256); err != nil || a.Keys < 20 {
		t.Errorf("%+v, %v", a, err)
	}
}
