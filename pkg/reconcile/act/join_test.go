package act_test

import (
	"testing"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/worldtest"
)

// A unit whose member was taken back waits for its next turn, longer each time; one whose member votes has forgotten all that.
func TestAMemberThatIsTakenBackCostsItsUnitItsTurn(t *testing.T) {
	r := newRig(t)
	key := planner.JoinKey("etcd/2")
	for n := 1; n <= 3; n++ {
		back := planner.Step{Kind: planner.StepRemove, Member: 0x99, Unit: "etcd/2", Change: etcdops.Remove{Member: 0x99}, TakesBack: "it does not start"}
		if err := r.actor.Act(t.Context(), r.observation(), back); err != nil {
			t.Fatal(err)
		}
		attempts, notBefore := r.memory.Attempts()
		if at := r.now.Add(planner.JoinPause(n)); attempts[key] != n || !notBefore[key].Equal(at) || r.memory.Faults()[key] != "it does not start" {
			t.Errorf("taken back %d times: %d, not before %s, want %s; %q", n, attempts[key], notBefore[key], at, r.memory.Faults()[key])
		}
	}
	for _, step := range []planner.Step{
		{Kind: planner.StepAddLearner, Unit: "etcd/2", Change: etcdops.AddLearner{PeerURL: worldtest.PeerURL(2)}},
		{Kind: planner.StepPromote, Member: 0x10, Unit: "etcd/2", Change: etcdops.Promote{Member: 0x10}},
	} {
		_ = r.actor.Act(t.Context(), r.observation(), step)
		attempts, _ := r.memory.Attempts()
		if forgotten := attempts[key] == 0; forgotten != (step.Kind == planner.StepPromote) {
			t.Errorf("after %s it has failed %d times", step.Kind, attempts[key])
		}
	}
	if planner.JoinPause(1) != time.Minute || planner.JoinPause(2) != 2*time.Minute || planner.JoinPause(99) != 30*time.Minute {
		t.Errorf("pauses %s, %s, %s", planner.JoinPause(1), planner.JoinPause(2), planner.JoinPause(99))
	}
}
