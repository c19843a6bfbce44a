package act_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/act"
	"jujuetcd.io/pkg/reconcile/memory"
)

// The property: only what is certain counts. A task that waited long, or ran long, on a machine
// whose clock is right shows no clock that is wrong, whatever the controller's own clock shows.
func TestAClockIsMeasuredByTheTaskAlone(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name        string
		waited, ran time.Duration
		controller  time.Duration // how far its clock is ahead of ours
		unit        time.Duration // how far the unit's is ahead of ours
		min, max    time.Duration
	}{
		{"right", time.Second, time.Second, 0, 0, 0, 0},
		{"right, and queued for an hour", time.Hour, time.Second, 0, 0, 0, 0},
		{"right, and slow", time.Second, 2 * time.Minute, 0, 0, 0, 0},
		{"right, with a controller that is ahead", time.Second, time.Second, 7 * time.Minute, 0, 0, 0},
		{"ahead", time.Second, time.Second, 0, 10 * time.Minute, 10*time.Minute - 3*time.Second, 10 * time.Minute},
		{"ahead, and queued for an hour", time.Hour, time.Second, 0, 10 * time.Minute, 10*time.Minute - 3*time.Second, 10 * time.Minute},
		{"ahead, with a controller that is behind", time.Second, time.Second, -time.Hour, 10 * time.Minute, 10*time.Minute - 3*time.Second, 10 * time.Minute},
		{"behind", time.Second, time.Second, 0, -10 * time.Minute, -10 * time.Minute, -10*time.Minute + 3*time.Second},
		{"behind, with the controller", time.Second, time.Second, -10 * time.Minute, -10 * time.Minute, -10 * time.Minute, -10*time.Minute + 3*time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := memory.Flight{Enqueued: at, Taken: at.Add(100 * time.Millisecond)}
			began := at.Add(c.waited)
			task := jujuapi.Task{Enqueued: at.Add(50*time.Millisecond + c.controller), Started: began.Add(c.controller), Completed: began.Add(c.ran + c.controller)}
			shown := metav1.NewMicroTime(began.Add(c.ran/2 + c.unit))
			for _, juju := range []string{"3.6", "4.0"} {
				if juju == "4.0" {
					task.Completed = time.Time{}
				}
				clock, ok := act.ClockOf(task, f, v1alpha1.EtcdUnitStatus{Clock: &shown}, began.Add(c.ran+time.Second))
				if !ok || clock.Ahead < c.min || clock.Ahead > c.max {
					t.Errorf("Juju %s: %t, ahead %s, want %s to %s", juju, ok, clock.Ahead, c.min, c.max)
				}
			}
		})
	}
	if _, ok := act.ClockOf(jujuapi.Task{Enqueued: at, Started: at, Completed: at}, memory.Flight{Enqueued: at, Taken: at}, v1alpha1.EtcdUnitStatus{}, at); ok {
		t.Error("an agent that reports no clock was measured")
	}
}

// The property: to a clock that is ahead the deadline is shifted for what harms nobody alone, and
// to one that is behind for all: nothing may begin later than everybody reckons with.
func TestOnlyWhatIsHarmlessIsShifted(t *testing.T) {
	claim := &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{}}
	for _, c := range []struct {
		name string
		spec v1alpha1.EtcdUnitSpec
		want bool
	}{
		{"words and files", v1alpha1.EtcdUnitSpec{}, true},
		{"a claim", v1alpha1.EtcdUnitSpec{Latch: claim}, true},
		{"a restart", v1alpha1.EtcdUnitSpec{Delivery: v1alpha1.Delivery{AllowRestart: true}}, false},
		{"a defragmentation", v1alpha1.EtcdUnitSpec{Delivery: v1alpha1.Delivery{AllowDefrag: true}}, false},
		{"a halt", v1alpha1.EtcdUnitSpec{Service: v1alpha1.ServiceSpec{State: v1alpha1.ServiceHalted}}, false},
		{"a reset", v1alpha1.EtcdUnitSpec{Delivery: v1alpha1.Delivery{AllowReset: true}}, false},
		{"what others have left", v1alpha1.EtcdUnitSpec{Delivery: v1alpha1.Delivery{Orphans: &v1alpha1.Orphans{}}}, false},
		{"a start with state new", v1alpha1.EtcdUnitSpec{Etcd: v1alpha1.EtcdSpec{Initial: &v1alpha1.InitialCluster{State: v1alpha1.InitialNew}}}, false},
		{"seeds", v1alpha1.EtcdUnitSpec{Latch: &v1alpha1.LatchRequest{Seeds: &v1alpha1.Seeds{}}}, false},
		{"a cluster ID", v1alpha1.EtcdUnitSpec{Latch: &v1alpha1.LatchRequest{ClusterID: "c"}}, false},
		{"a new identity", v1alpha1.EtcdUnitSpec{Latch: &v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{}}}, false},
	} {
		if got := act.Harmless(c.spec); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
