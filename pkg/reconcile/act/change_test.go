package act_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/act"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/world"
	"jujuetcd.io/pkg/reconcile/worldtest"
)

var add = planner.Step{Kind: planner.StepAddLearner, Unit: "etcd/3", Change: etcdops.AddLearner{PeerURL: worldtest.PeerURL(3)}}

func learn(e *worldtest.Etcd, _ string) {
	e.View.Members = append(slices.Clone(e.View.Members), etcdops.Member{ID: 0x13, Learner: true, PeerURLs: []string{worldtest.PeerURL(3)}})
}

func TestChangeIsMadeUnderTheLockAfterAFreshLook(t *testing.T) {
	r := newRig(t)
	r.etcd.OnChange = learn
	if err := r.actor.Act(t.Context(), r.observation(), add); err != nil {
		t.Fatal(err)
	}
	if got, want := r.etcd.Done(), []string{"Lock", "Look", "AddLearner", "Unlock"}; !slices.Equal(got, want) {
		t.Errorf("calls %q, want %q", got, want)
	}
	if r.etcd.Held {
		t.Error("the lock is still held")
	}
}

func TestFencedDaemonChangesNothing(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(r *rig)
	}{
		{"another holder", func(r *rig) { r.hold(4, "other") }},
		{"a later epoch", func(r *rig) { r.hold(5, "me") }},
		{"no epoch", func(r *rig) { r.juju.Units[0].RelationData[0].ApplicationData = nil }},
		{"no latch", func(r *rig) { r.juju.Units[0].RelationData = nil }},
		{"an unreadable latch", func(r *rig) { r.juju.Units[0].RelationData[0].ApplicationData = map[string]string{"epoch": "{"} }},
		{"Juju away", func(r *rig) { r.juju.Fail["UnitsInfo"] = errors.New("connection lost") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			test.prepare(r)
			if err := r.actor.Act(t.Context(), r.observation(), add); err == nil {
				t.Error("the change was made")
			}
			if calls := r.etcd.Done(); len(calls) != 0 {
				t.Errorf("calls %q", calls)
			}
			attempts, notBefore := r.memory.Attempts()
			if attempts[add.Key()] != 1 || !notBefore[add.Key()].After(r.now) {
				t.Errorf("the failure was not counted: %v, %v", attempts, notBefore)
			}
		})
	}
}

// between is an Etcd in which something happens while the lock is taken, and which says until when
// a change may take.
type between struct {
	*worldtest.Etcd
	locking  func()
	deadline time.Time
}

func (b *between) Under(ctx context.Context, h etcdops.Hold, do func(context.Context) error) error {
	return b.Etcd.Under(ctx, h, func(ctx context.Context) error {
		b.locking()
		return do(ctx)
	})
}

func (b *between) Do(ctx context.Context, v etcdops.View, c etcdops.Change) error {
	b.deadline, _ = ctx.Deadline()
	return b.Etcd.Do(ctx, v, c)
}

func TestTakeOverWhileTheLockIsWaitedForIsNoticed(t *testing.T) {
	r := newRig(t)
	etcd := &between{Etcd: r.etcd, locking: func() { r.hold(5, "other") }}
	actor := act.New(act.Config{Application: "etcd", Self: "me", Juju: r.juju, Memory: r.memory,
		Etcd: func() world.Etcd { return etcd }, Now: func() time.Time { return r.now }})
	err := actor.Act(t.Context(), r.observation(), add)
	if !errors.Is(err, act.ErrFenced) || slices.Contains(r.etcd.Done(), "AddLearner") || r.etcd.Held {
		t.Errorf("error %v, calls %v, the lock is held: %t", err, r.etcd.Done(), r.etcd.Held)
	}
}

// A process that is stopped in the middle of a step, for longer than its lease, sends nothing when
// it goes on.
func TestChangeEndsWithTheLease(t *testing.T) {
	r := newRig(t)
	etcd := &between{Etcd: r.etcd, locking: func() {}}
	actor := act.New(act.Config{Application: "etcd", Self: "me", Juju: r.juju, Memory: r.memory,
		Etcd: func() world.Etcd { return etcd }, Now: func() time.Time { return r.now }})
	latest := time.Now().Add(act.LockTTL)
	if err := actor.Act(t.Context(), r.observation(), add); err != nil {
		t.Fatal(err)
	}
	if etcd.deadline.IsZero() || etcd.deadline.After(latest.Add(time.Second)) {
		t.Errorf("the change may take until %v, and the lease is over at %v", etcd.deadline, latest)
	}
}

// So too when no timer has fired yet: the clock is asked next to the act.
func TestDaemonThatWasStoppedChangesNothing(t *testing.T) {
	for _, step := range []planner.Step{
		add,
		{Kind: planner.StepRemove, Member: 0x12, Change: etcdops.Remove{Member: 0x12}},
		{Kind: planner.StepMoveLeader, Change: etcdops.MoveLeader{To: 0x12}},
	} {
		r := newRig(t)
		obs := r.observation()
		r.etcd.OnLook = func(_ int, v etcdops.View) etcdops.View {
			r.now = r.now.Add(act.LockTTL)
			return v
		}
		if err := r.actor.Act(t.Context(), obs, step); !errors.Is(err, etcdops.ErrLockOver) {
			t.Errorf("%s: error %v", step.Kind, err)
		}
		if got, want := r.etcd.Done(), []string{"Lock", "Look", "Unlock"}; !slices.Equal(got, want) {
			t.Errorf("%s: calls %q, want %q", step.Kind, got, want)
		}
	}
}

func TestGuardIsAskedAgainRightBeforeTheChange(t *testing.T) {
	sick := worldtest.Healthy(start, 3)
	h := sick.Health[worldtest.ClientURL(2)]
	h.Serves, h.Fault = false, etcdops.FaultRefused
	sick.Health[worldtest.ClientURL(2)] = h
	unlisted := worldtest.Healthy(start, 3)
	unlisted.Listed = false
	steps := []planner.Step{
		add,
		{Kind: planner.StepRemove, Member: 0x11, Change: etcdops.Remove{Member: 0x11}},
		{Kind: planner.StepPromote, Member: 0x12, Change: etcdops.Promote{Member: 0x12}},
		{Kind: planner.StepMoveLeader, Change: etcdops.MoveLeader{To: 0x12}},
	}
	for _, step := range steps {
		for name, view := range map[string]etcdops.View{"a voter is down": sick, "no list": unlisted} {
			if step.Kind == planner.StepPromote && name == "a voter is down" {
				continue // its subject is a voter already: done
			}
			t.Run(string(step.Kind)+" while "+name, func(t *testing.T) {
				r := newRig(t)
				obs := r.observation()
				r.etcd.View = view
				err := r.actor.Act(t.Context(), obs, step)
				if !errors.Is(err, act.ErrGuard) {
					t.Errorf("error = %v, want ErrGuard", err)
				}
				if got, want := r.etcd.Done(), []string{"Lock", "Look", "Unlock"}; !slices.Equal(got, want) {
					t.Errorf("calls %q, want %q", got, want)
				}
			})
		}
	}
}

func TestChangeThatIsThereAlreadyIsNotMadeAgain(t *testing.T) {
	r := newRig(t)
	learn(r.etcd, "")
	if err := r.actor.Act(t.Context(), r.observation(), add); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(r.etcd.Done(), "AddLearner") {
		t.Error("the member was added twice")
	}
}

func TestLostAnswerIsReadFromTheMemberList(t *testing.T) {
	r := newRig(t)
	r.etcd.OnChange = learn
	r.etcd.Fail["AddLearner"] = errors.New("deadline exceeded")
	if err := r.actor.Act(t.Context(), r.observation(), add); err != nil {
		t.Errorf("the change was made, and reads as failed: %v", err)
	}
	r = newRig(t)
	r.etcd.Fail["AddLearner"] = errors.New("deadline exceeded")
	if err := r.actor.Act(t.Context(), r.observation(), add); err == nil {
		t.Error("the change was not made, and reads as done")
	}
}

func TestLockIsGivenBackHoweverTheStepEnds(t *testing.T) {
	r := newRig(t)
	r.etcd.Fail["AddLearner"] = errors.New("unhealthy cluster")
	_ = r.actor.Act(t.Context(), r.observation(), add)
	if r.etcd.Held {
		t.Error("the lock is still held")
	}
}

func TestLosingTheLockEndsTheStep(t *testing.T) {
	r := newRig(t)
	r.etcd.OnLook = func(n int, v etcdops.View) etcdops.View {
		if n == 1 {
			go r.etcd.LoseLock()
		}
		return v
	}
	r.etcd.OnChange = func(e *worldtest.Etcd, _ string) { learn(e, "") }
	// The loss is noticed before the change or after it: either way the step ends and nothing
	// hangs.
	_ = r.actor.Act(t.Context(), r.observation(), add)
	if r.etcd.Held {
		t.Error("the lock is still held")
	}
}
