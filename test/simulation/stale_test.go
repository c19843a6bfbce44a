package simulation_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/simulation"
)

func TestStaleAndForeignDeliveriesAreRefusedAndTouchNothing(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 5})
	threeAtOnce(t, s)
	u := s.Units()[0]
	s.Restart() // so that there is an older epoch
	s.SetOption("heartbeat_interval", 200)
	s.Pass(2 * time.Minute)
	settles(t, s, 3)
	for _, c := range []struct {
		name, want string
		change     func(*v1alpha1.EtcdUnitSpec)
	}{
		{"an hour late", v1alpha1.ReasonLate, func(e *v1alpha1.EtcdUnitSpec) {
			e.Delivery.NotAfter = metav1.NewTime(s.Now().Add(-time.Hour))
		}},
		{"an older epoch", v1alpha1.ReasonOlderEpoch, func(e *v1alpha1.EtcdUnitSpec) { e.Delivery.Epoch.Number-- }},
		{"a foreign holder", v1alpha1.ReasonForeignHolder, func(e *v1alpha1.EtcdUnitSpec) { e.Delivery.Epoch.Holder = "daemon-b" }},
		{"another member", v1alpha1.ReasonOtherMember, func(e *v1alpha1.EtcdUnitSpec) { e.Delivery.ExpectMemberID = "00000000000000aa" }},
		{"another cluster", v1alpha1.ReasonOtherCluster, func(e *v1alpha1.EtcdUnitSpec) { e.Delivery.ExpectClusterID = "00000000000000aa" }},
		{"another unit", v1alpha1.ReasonOtherUnit, func(e *v1alpha1.EtcdUnitSpec) { e.Unit = "etcd/9" }},
		{"new where there is data", v1alpha1.ReasonDataPresent, func(e *v1alpha1.EtcdUnitSpec) {
			e.Etcd.Initial = &v1alpha1.InitialCluster{Token: "t", State: v1alpha1.InitialNew,
				Members: []v1alpha1.NamedMember{{Name: e.Etcd.Name, PeerURL: e.Etcd.AdvertisePeerURLs[0]}}}
		}},
		{"other seeds", v1alpha1.ReasonLatchDiffers, func(e *v1alpha1.EtcdUnitSpec) {
			e.Latch = &v1alpha1.LatchRequest{Seeds: &v1alpha1.Seeds{Token: "other"}}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := u
			for _, o := range s.Units() {
				if o.Leads() {
					target = o
				}
			}
			before := s.Disk(target)
			status, err := s.Deliver(target, c.change)
			if err != nil || status.Outcome != v1alpha1.OutcomeRefused || status.Reason != c.want {
				t.Errorf("got %s %s %q (%v), want a refusal: %s", status.Outcome, status.Reason, status.Message, err, c.want)
			}
			if after := s.Disk(target); after != before {
				t.Errorf("something was touched:\n%s\n%s", before, after)
			}
		})
	}
	must(t, s, "refusals", nil)
}

// TestADeliveryThatRunsHoursLaterIsRefused: the agent was away, the daemon went on without it, and then the task runs.
func TestADeliveryThatRunsHoursLaterIsRefused(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 6})
	threeAtOnce(t, s)
	u := s.Units()[2]
	s.Hold(u)
	s.AddUnits(2)
	// Five voters, but the status of the one that is away is old.
	must(t, s, "growth", s.Until(func() bool { return s.Voters() == 5 }, patience))
	s.Pass(2 * time.Hour)
	disk := s.Disk(u)
	late := s.Counts().Refused[v1alpha1.ReasonLate]
	s.Daemon().Stop()
	s.Release(u)
	s.Pass(time.Minute)
	if got := s.Counts().Refused[v1alpha1.ReasonLate]; got != late+1 {
		t.Errorf("%d deliveries were refused as late, want one more than %d\n%s", got, late, tail(s))
	}
	if got := s.Disk(u); got != disk {
		t.Errorf("the late delivery touched something:\n%s\n%s", disk, got)
	}
	s.StartDaemon("daemon-a")
	settles(t, s, 5)
	if got := u.Status(); got != "active Healthy with 5 known peers" {
		t.Errorf("in the end: %s", got)
	}
}

func TestASecondDaemonStandsByUntilItIsToldToTakeOver(t *testing.T) {
	s := simulation.New(simulation.Config{Seed: 8})
	threeAtOnce(t, s)
	first := s.Daemon()
	second := s.StartDaemon("daemon-b")
	s.AddUnits(1)
	s.Pass(3 * time.Minute)
	if step := second.Last(); !step.Person {
		t.Errorf("the second daemon does not stand by: %s %s", step.Kind, step.Reason)
	}
	if holder := s.Latch().Epoch.Holder; holder != "daemon-a" {
		t.Errorf("the epoch is %s's", holder)
	}
	second.Stop()
	third := s.TakeOver("daemon-c")
	s.AddUnits(1)
	must(t, s, "taken over", s.Until(func() bool { return third.Settled() && s.Voters() == 5 }, patience))
	if holder := s.Latch().Epoch.Holder; holder != "daemon-c" {
		t.Errorf("the epoch is %s's", holder)
	}
	s.Pass(time.Minute)
	if step := first.Last(); !step.Person {
		t.Errorf("the first daemon does not stand by: %s %s", step.Kind, step.Reason)
	}
	must(t, s, "two daemons", nil)
}
