package act_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/act"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/world"
	"jujuetcd.io/pkg/reconcile/worldtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

type rig struct {
	t      *testing.T
	juju   *worldtest.Juju
	etcd   *worldtest.Etcd
	memory *memory.Memory
	now    time.Time
	actor  *act.Actor
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, now: start, memory: memory.New(),
		etcd: &worldtest.Etcd{View: worldtest.Healthy(start, 3), Fail: map[string]error{}},
		juju: &worldtest.Juju{Fail: map[string]error{}, Units: []jujuapi.UnitInfo{{Name: "etcd/0",
			RelationData: []jujuapi.RelationData{{Endpoint: "cluster"}}}}}}
	r.memory.Claim(4)
	r.hold(4, "me")
	r.actor = act.New(act.Config{Application: "etcd", Self: "me", Juju: r.juju, Memory: r.memory,
		Etcd: func() world.Etcd { return r.etcd }, Now: func() time.Time { return r.now }, Jitter: func() float64 { return 0.5 }})
	return r
}

func (r *rig) hold(number int64, holder string) {
	r.t.Helper()
	if err := r.juju.SetLatch(v1alpha1.Latch{Epoch: &v1alpha1.Epoch{Number: number, Holder: holder}}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) observation() observation.Observation {
	obs := observation.Observation{Now: r.now, Application: "etcd", Self: "me", Claimed: 4, LatchRead: true,
		Latch: v1alpha1.Latch{Epoch: &v1alpha1.Epoch{Number: 4, Holder: "me"}}, Etcd: r.etcd.View}
	obs.Policy.SetDefaults()
	return obs
}

func delivery(unit string) observation.Delivery {
	return observation.Delivery{Unit: unit, Spec: v1alpha1.EtcdUnitSpec{Unit: unit, Application: "etcd",
		Delivery: v1alpha1.Delivery{Epoch: v1alpha1.Epoch{Number: 4, Holder: "me"}}}}
}

func unitStep(units ...string) planner.Step {
	s := planner.Step{Kind: planner.StepUpdate, Reason: "test"}
	for _, u := range units {
		s.Units = append(s.Units, delivery(u))
	}
	return s
}

func (r *rig) deliver(unit string) act.Progress {
	r.t.Helper()
	p, err := r.actor.Deliver(r.t.Context(), unit)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func TestDeliveryIsQueuedFollowedAndRecorded(t *testing.T) {
	r := newRig(t)
	if err := r.actor.Act(t.Context(), r.observation(), unitStep("etcd/0")); err != nil {
		t.Fatal(err)
	}
	if p := r.deliver("etcd/0"); p.Done || p.After <= 0 {
		t.Fatalf("queued: %+v", p)
	}
	sent := r.juju.Sent[0].Delivery
	if !sent.NotAfter.Time.Equal(start.Add(v1alpha1.DeliveryTTL)) || sent.Protocol != v1alpha1.Protocol || sent.Epoch.Number != 4 {
		t.Errorf("sent %+v", sent)
	}
	if p := r.deliver("etcd/0"); p.Done {
		t.Fatalf("still pending: %+v", p)
	}
	r.juju.End("1", jujuapi.TaskCompleted, v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeApplied})
	p := r.deliver("etcd/0")
	if !p.Done || p.Ended == nil || p.Ended.Outcome != v1alpha1.OutcomeApplied || p.Ended.Task != 1 || p.Ended.Hash != r.juju.Sent[0].Hash() {
		t.Fatalf("ended: %+v", p)
	}
	if last, ok := r.memory.Last("etcd/0"); !ok || last.Failures != 0 || !last.NotBefore.IsZero() {
		t.Errorf("remembered %+v", last)
	}
	if p := r.deliver("etcd/0"); !p.Done || p.Ended != nil || len(r.juju.Sent) != 1 {
		t.Errorf("nothing to do: %+v, %d sent", p, len(r.juju.Sent))
	}
}

func TestUnitNeverHasTwoPendingReconciles(t *testing.T) {
	for _, status := range []jujuapi.TaskStatus{jujuapi.TaskPending, jujuapi.TaskRunning} {
		r := newRig(t)
		r.juju.Running = []jujuapi.Task{{ID: "77", Unit: "etcd/0", Name: "reconcile", Status: status}}
		if err := r.actor.Act(t.Context(), r.observation(), unitStep("etcd/0", "etcd/1")); err != nil {
			t.Fatal(err)
		}
		if p := r.deliver("etcd/0"); !p.Done || len(r.juju.Sent) != 0 {
			t.Errorf("a foreign task is %s: %+v, %d sent", status, p, len(r.juju.Sent))
		}
		if r.deliver("etcd/1"); len(r.juju.Sent) != 1 {
			t.Errorf("another unit's task holds etcd/1 back")
		}
	}
}

func TestHandingTwiceQueuesOnce(t *testing.T) {
	r := newRig(t)
	for range 3 {
		if err := r.actor.Act(t.Context(), r.observation(), unitStep("etcd/0")); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		r.deliver("etcd/0")
	}
	if len(r.juju.Sent) != 1 {
		t.Errorf("%d deliveries, want 1", len(r.juju.Sent))
	}
}

func TestFailedDeliveriesBackOff(t *testing.T) {
	r := newRig(t)
	want := []time.Duration{5, 10, 20, 40, 80, 120, 120}
	for i, seconds := range want {
		if err := r.actor.Act(t.Context(), r.observation(), unitStep("etcd/0")); err != nil {
			t.Fatal(err)
		}
		r.deliver("etcd/0")
		r.juju.End(fmt.Sprint(i+1), jujuapi.TaskCompleted, v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeRefused, Reason: v1alpha1.ReasonLate})
		p := r.deliver("etcd/0")
		if got := p.Ended.NotBefore.Sub(r.now); got != seconds*time.Second || p.Ended.Failures != i+1 {
			t.Errorf("failure %d: barred for %v, want %v s", p.Ended.Failures, got, int(seconds))
		}
	}
}

// What the store has, where it lacks the channel that is wanted, is remembered until a delivery has
// been applied.
func TestChannelsOfTheStoreAreRememberedUntilTheSnapIsThere(t *testing.T) {
	r := newRig(t)
	for i, c := range []struct {
		outcome v1alpha1.Outcome
		reports []string
		want    string
	}{
		{v1alpha1.OutcomeFailed, []string{"3.4/stable", "3.5/stable"}, "3.4/stable 3.5/stable"},
		{v1alpha1.OutcomeInProgress, nil, "3.4/stable 3.5/stable"},
		{v1alpha1.OutcomeFailed, []string{"3.4/stable"}, "3.4/stable"},
		{v1alpha1.OutcomeFailed, nil, "3.4/stable"},
		{v1alpha1.OutcomeApplied, nil, ""},
	} {
		if err := r.actor.Act(t.Context(), r.observation(), unitStep("etcd/0")); err != nil {
			t.Fatal(err)
		}
		r.deliver("etcd/0")
		r.juju.End(fmt.Sprint(i+1), jujuapi.TaskCompleted, v1alpha1.EtcdUnitStatus{Outcome: c.outcome, Channels: c.reports})
		if got := strings.Join(r.deliver("etcd/0").Ended.Channels, " "); got != c.want {
			t.Errorf("result %d: remembered %q, want %q", i, got, c.want)
		}
	}
}

func TestProgressIsAskedForSoonerThanFailure(t *testing.T) {
	r := newRig(t)
	if err := r.actor.Act(t.Context(), r.observation(), unitStep("etcd/0")); err != nil {
		t.Fatal(err)
	}
	r.deliver("etcd/0")
	r.juju.End("1", jujuapi.TaskCompleted, v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeInProgress})
	if p := r.deliver("etcd/0"); p.Ended.NotBefore.Sub(r.now) > 3*time.Second || !p.Ended.NotBefore.After(r.now) {
		t.Errorf("barred for %v", p.Ended.NotBefore.Sub(r.now))
	}
}

func TestEveryEndOfATaskIsAResult(t *testing.T) {
	applied := v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeApplied}
	tests := []struct {
		name   string
		task   jujuapi.Task
		status *v1alpha1.EtcdUnitStatus
		want   v1alpha1.Outcome
	}{
		{"applied", jujuapi.Task{Status: jujuapi.TaskCompleted}, &applied, v1alpha1.OutcomeApplied},
		{"the agent broke after it answered", jujuapi.Task{Status: jujuapi.TaskFailed}, &applied, v1alpha1.OutcomeFailed},
		{"cancelled by a person", jujuapi.Task{Status: jujuapi.TaskCancelled}, nil, v1alpha1.OutcomeFailed},
		{"Juju's error", jujuapi.Task{Status: jujuapi.TaskError, Message: "boom"}, nil, v1alpha1.OutcomeFailed},
		{"no result", jujuapi.Task{Status: jujuapi.TaskCompleted}, nil, v1alpha1.OutcomeFailed},
		{"nonsense", jujuapi.Task{Status: jujuapi.TaskCompleted, Output: map[string]any{"status": "x"}}, nil, v1alpha1.OutcomeFailed},
		{"an outcome of a later version", jujuapi.Task{Status: jujuapi.TaskCompleted},
			&v1alpha1.EtcdUnitStatus{Outcome: "Reconsidered"}, v1alpha1.OutcomeFailed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			if err := r.actor.Act(t.Context(), r.observation(), unitStep("etcd/0")); err != nil {
				t.Fatal(err)
			}
			r.deliver("etcd/0")
			if test.status != nil {
				r.juju.End("1", test.task.Status, *test.status)
			} else {
				test.task.ID = "1"
				r.juju.Ended, r.juju.Running = map[string]jujuapi.Task{"1": test.task}, nil
			}
			if p := r.deliver("etcd/0"); !p.Done || p.Ended == nil || p.Ended.Outcome != test.want {
				t.Errorf("progress %+v, want %s", p, test.want)
			}
		})
	}
}

func TestGrantedClaimIsRemembered(t *testing.T) {
	for _, outcome := range []v1alpha1.Outcome{v1alpha1.OutcomeApplied, v1alpha1.OutcomeRefused} {
		r := newRig(t)
		d := delivery("etcd/0")
		d.Spec.Delivery.Epoch.Number = 5
		d.Spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: &v1alpha1.Epoch{Number: 4, Holder: "me"}}}
		step := planner.Step{Kind: planner.StepClaim, Units: []observation.Delivery{d}}
		if err := r.actor.Act(t.Context(), r.observation(), step); err != nil {
			t.Fatal(err)
		}
		r.deliver("etcd/0")
		r.juju.End("1", jujuapi.TaskCompleted, v1alpha1.EtcdUnitStatus{Outcome: outcome})
		r.deliver("etcd/0")
		want := int64(4)
		if outcome == v1alpha1.OutcomeApplied {
			want = 5
		}
		if got := r.memory.Claimed(); got != want {
			t.Errorf("%s: claimed %d, want %d", outcome, got, want)
		}
	}
}

func TestJujuTroubleIsNotTheEndOfADelivery(t *testing.T) {
	r := newRig(t)
	if err := r.actor.Act(t.Context(), r.observation(), unitStep("etcd/0")); err != nil {
		t.Fatal(err)
	}
	r.deliver("etcd/0")
	r.juju.Fail["Task"] = errors.New("connection lost")
	if p, err := r.actor.Deliver(t.Context(), "etcd/0"); err == nil || p.Done {
		t.Errorf("progress %+v, error %v", p, err)
	}
	delete(r.juju.Fail, "Task")
	r.juju.End("1", jujuapi.TaskCompleted, v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeApplied})
	if p := r.deliver("etcd/0"); !p.Done {
		t.Errorf("progress %+v", p)
	}
}

func TestTaskThatWentWithItsUnitIsTheEndOfADelivery(t *testing.T) {
	r := newRig(t)
	if err := r.actor.Act(t.Context(), r.observation(), unitStep("etcd/0")); err != nil {
		t.Fatal(err)
	}
	r.deliver("etcd/0")
	r.juju.Fail["Task"] = &jujuapi.Error{Call: "Action.Actions", Code: "not found", Message: "action 1 not found"}
	if p := r.deliver("etcd/0"); !p.Done || p.Ended == nil || p.Ended.Outcome != v1alpha1.OutcomeFailed || r.memory.Busy() {
		t.Errorf("progress %+v, still busy: %t", p, r.memory.Busy())
	}
}

func TestFailedEnqueueIsAFailureThatBacksOff(t *testing.T) {
	r := newRig(t)
	r.juju.Fail["Enqueue"] = errors.New("permission denied")
	if err := r.actor.Act(t.Context(), r.observation(), unitStep("etcd/0")); err != nil {
		t.Fatal(err)
	}
	p, err := r.actor.Deliver(t.Context(), "etcd/0")
	if err == nil || !p.Done || p.Ended == nil || p.Ended.Outcome != v1alpha1.OutcomeFailed || !p.Ended.NotBefore.After(r.now) {
		t.Errorf("progress %+v, error %v", p, err)
	}
}

func TestUnitStepNeedsTheEpoch(t *testing.T) {
	r := newRig(t)
	obs := r.observation()
	obs.Latch.Epoch = &v1alpha1.Epoch{Number: 5, Holder: "other"}
	if err := r.actor.Act(t.Context(), obs, unitStep("etcd/0")); !errors.Is(err, act.ErrFenced) {
		t.Errorf("error = %v, want ErrFenced", err)
	}
	if r.memory.Busy() {
		t.Error("a delivery was handed out all the same")
	}
}
