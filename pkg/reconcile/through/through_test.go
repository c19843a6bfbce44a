package through_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/through"
	"jujuetcd.io/pkg/reconcile/world"
	"jujuetcd.io/pkg/reconcile/worldtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// rig is a cluster of three units whose agents answer ops with what the rig's view shows. etcd/1 is Juju's leader.
type rig struct {
	t         *testing.T
	juju      *worldtest.Juju
	memory    *memory.Memory
	now       time.Time
	view      etcdops.View
	answer    func(v1alpha1.EtcdUnitSpec) (v1alpha1.EtcdUnitStatus, bool)
	situation through.Situation
	cluster   *through.Cluster
}

var _ world.Etcd = (*through.Cluster)(nil)

func newRig(t *testing.T) *rig {
	r := &rig{t: t, now: start, memory: memory.New(), view: worldtest.Healthy(start, 3)}
	r.view.ClusterID = 0xc1
	r.memory.Claim(4)
	r.juju = &worldtest.Juju{Fail: map[string]error{}}
	r.juju.OnEnqueue = func(spec v1alpha1.EtcdUnitSpec) (v1alpha1.EtcdUnitStatus, bool) {
		if r.answer != nil {
			return r.answer(spec)
		}
		return r.does(spec), true
	}
	r.situation = through.Situation{ModelUUID: "uuid", Latch: v1alpha1.Latch{ClusterID: "00000000000000c1"}, LagLimit: 1000}
	for i := range 3 {
		r.situation.Units = append(r.situation.Units, observation.Unit{Name: fmt.Sprintf("etcd/%d", i), Number: i, Leader: i == 1,
			Provisioned: true, Facts: &v1alpha1.UnitFacts{Member: v1alpha1.MemberFacts{Present: true}},
			Shown: v1alpha1.StatusText{State: "active"}})
		r.situation.Endpoints = append(r.situation.Endpoints, worldtest.ClientURL(i))
	}
	r.cluster = through.New(through.Config{Application: "etcd", Self: "me", Juju: r.juju, Memory: r.memory,
		Now: func() time.Time { return r.now }})
	return r
}

// does is what an agent answers that does everything.
func (r *rig) does(spec v1alpha1.EtcdUnitSpec) v1alpha1.EtcdUnitStatus {
	status := v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeApplied}
	for _, op := range spec.Ops {
		result := v1alpha1.EtcdOpResult{Kind: op.Kind, Outcome: v1alpha1.OutcomeApplied}
		if !op.Changes() {
			text, _ := json.Marshal(r.view)
			result.View = string(text)
		}
		status.Ops = append(status.Ops, result)
	}
	return status
}

func (r *rig) see(waiting bool) (etcdops.View, string, error) {
	r.situation.Waiting = waiting
	return r.cluster.See(r.t.Context(), r.situation)
}

func (r *rig) sent() int { return len(r.juju.Sent) }

func (r *rig) want(n int, when string) {
	r.t.Helper()
	if got := r.sent(); got != n {
		r.t.Errorf("%s: %d actions, not %d", when, got, n)
	}
}

func TestSettledClusterIsLookedAtOnceAMinute(t *testing.T) {
	r := newRig(t)
	for range 600 {
		if v, unit, err := r.see(false); err != nil || !v.Listed || unit != "etcd/1" {
			t.Fatalf("through %q: %v, %v", unit, v.Listed, err)
		}
		r.now = r.now.Add(time.Second)
	}
	if n := r.sent(); n < 10 || n > 11 {
		t.Errorf("%d actions in ten minutes", n)
	}
}

func TestHintInJujuIsLookedAtAtOnce(t *testing.T) {
	for name, hint := range map[string]func(*rig){
		"a unit's own word":     func(r *rig) { r.situation.Units[2].Shown.State = "blocked" },
		"facts":                 func(r *rig) { r.situation.Units[0].Facts = &v1alpha1.UnitFacts{} },
		"a unit that leaves":    func(r *rig) { r.situation.Units[0].Dying = true },
		"an agent that is lost": func(r *rig) { r.situation.Units[0].Lost = true },
		"a new unit":            func(r *rig) { r.situation.Units = append(r.situation.Units, observation.Unit{Name: "etcd/3"}) },
		"a delivery that ended": func(r *rig) { r.situation.Units[0].Last = &observation.Result{Task: 9} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			_, _, _ = r.see(false)
			_, _, _ = r.see(false)
			r.want(1, "without a hint")
			hint(r)
			_, _, _ = r.see(false)
			_, _, _ = r.see(false)
			r.want(2, "with one")
		})
	}
}

// What changes in Juju because of a look is no hint: one would lead to the next for ever.
func TestLookIsNoHintForTheNext(t *testing.T) {
	r := newRig(t)
	_, _, _ = r.see(false)
	r.situation.Units[1].Task = &observation.Task{ID: 1, Running: true}
	_, _, _ = r.see(false)
	r.situation.Units[1].Task = nil
	_, _, _ = r.see(false)
	r.want(1, "after its own task has come and gone")
}

func TestWaitingIsLookedAtOftenAndThenLess(t *testing.T) {
	r := newRig(t)
	var gaps []time.Duration
	last := r.now
	for range 600 {
		before := r.sent()
		_, _, _ = r.see(true)
		if r.sent() > before {
			gaps = append(gaps, r.now.Sub(last))
			last = r.now
		}
		r.now = r.now.Add(time.Second)
	}
	if len(gaps) > 20 || gaps[1] > 3*time.Second || slices.Max(gaps) > time.Minute {
		t.Errorf("%d looks in ten minutes, after %v", len(gaps), gaps)
	}
	before := r.sent()
	r.view.Members = r.view.Members[:2]
	r.situation.Units[0].Dying = true
	for range 3 {
		_, _, _ = r.see(true)
		r.now = r.now.Add(2 * time.Second)
	}
	r.want(before+2, "in four seconds, once there is something new")
}

func TestBusyAndLostUnitsAreNotAsked(t *testing.T) {
	r := newRig(t)
	r.situation.Units[1].Lost = true
	r.memory.Sent(memory.Flight{Task: 1, Delivery: observation.Delivery{Unit: "etcd/0"}})
	if _, unit, err := r.see(false); unit != "etcd/2" || err != nil {
		t.Errorf("through %q: %v", unit, err)
	}
	r = newRig(t)
	for i := range r.situation.Units {
		r.situation.Units[i].Task = &observation.Task{ID: 7}
	}
	if _, unit, err := r.see(false); unit != "" || err == nil || r.sent() != 0 {
		t.Errorf("through %q: %v, %d actions", unit, err, r.sent())
	}
}

// An agent that is older than ops refuses a delivery without a desired state; another unit may be newer.
func TestUnitThatDoesNotAnswerIsPassedOver(t *testing.T) {
	r := newRig(t)
	r.answer = func(spec v1alpha1.EtcdUnitSpec) (v1alpha1.EtcdUnitStatus, bool) {
		if spec.Unit == "etcd/1" {
			return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeRefused, Reason: v1alpha1.ReasonBadSpec}, true
		}
		return r.does(spec), true
	}
	if _, unit, err := r.see(true); unit != "" || err == nil || !strings.Contains(err.Error(), "etcd/1") {
		t.Errorf("through %q: %v", unit, err)
	}
	r.now = r.now.Add(3 * time.Second)
	if _, unit, err := r.see(true); unit == "" || unit == "etcd/1" || err != nil {
		t.Errorf("through %q: %v", unit, err)
	}
}

func TestChangeCarriesWhatItExpectsAndIsNotMadeByItsOwnSubject(t *testing.T) {
	r := newRig(t)
	v, _, _ := r.see(false)
	if err := r.cluster.Do(t.Context(), v, etcdops.Remove{Member: 0x11}); err != nil { // etcd/1, Juju's leader
		t.Fatal(err)
	}
	spec := r.juju.Sent[1]
	op := spec.Ops[0]
	if spec.Unit == "etcd/1" || len(spec.Ops) != 2 || op.Kind != v1alpha1.OpRemove || op.Member != "0000000000000011" ||
		!slices.Equal(op.ExpectMembers, []string{"0000000000000010", "0000000000000011", "0000000000000012"}) ||
		op.LagLimit != 1000 || spec.Delivery.ExpectClusterID != "00000000000000c1" ||
		spec.Delivery.Epoch != (v1alpha1.Epoch{Number: 4, Holder: "me"}) || !spec.Delivery.NotAfter.After(r.now) {
		t.Errorf("%+v", spec)
	}
}

// A touch goes out as the op that agents of protocol 2 know, for what they find done once they have written the lock.
func TestTouchIsAskedForInTheWordsThatEveryAgentKnows(t *testing.T) {
	r := newRig(t)
	v, _, _ := r.see(false)
	if err := r.cluster.Do(t.Context(), v, etcdops.Touch{Member: 0x11, PeerURL: worldtest.PeerURL(1)}); err != nil {
		t.Fatal(err)
	}
	if spec := r.juju.Sent[1]; spec.Unit == "etcd/1" || spec.Ops[0].Kind != v1alpha1.OpPeerURL ||
		spec.Ops[0].Member != "0000000000000011" || spec.Ops[0].PeerURL != worldtest.PeerURL(1) {
		t.Errorf("%+v", spec)
	}
}

func TestChangeThatAUnitRefusesIsAnError(t *testing.T) {
	r := newRig(t)
	v, _, _ := r.see(false)
	r.answer = func(spec v1alpha1.EtcdUnitSpec) (v1alpha1.EtcdUnitStatus, bool) {
		status := r.does(spec)
		status.Outcome, status.Reason, status.Message = v1alpha1.OutcomeRefused, v1alpha1.ReasonQuorumGuard, "no quorum would be left"
		return status, true
	}
	if err := r.cluster.Do(t.Context(), v, etcdops.Promote{Member: 0x12}); err == nil || !strings.Contains(err.Error(), "no quorum would be left") {
		t.Errorf("%v", err)
	}
}

// When the answer of a change is lost, nothing is decided on what was seen before it.
func TestChangeWhoseAnswerIsLostLeavesNoView(t *testing.T) {
	r := newRig(t)
	v, _, _ := r.see(false)
	r.juju.Fail["Task"] = fmt.Errorf("connection lost")
	if err := r.cluster.Do(t.Context(), v, etcdops.MoveLeader{To: 0x12}); err == nil {
		t.Error("a lost answer was taken for a success")
	}
	r.juju.Fail = nil
	before := r.sent()
	if got := r.cluster.Look(t.Context(), nil); !got.Listed || r.sent() != before+1 {
		t.Errorf("an old view was used: %d actions", r.sent()-before)
	}
}

func TestTaskThatFailsIsNoView(t *testing.T) {
	r := newRig(t)
	r.answer = func(v1alpha1.EtcdUnitSpec) (v1alpha1.EtcdUnitStatus, bool) { return v1alpha1.EtcdUnitStatus{}, false }
	r.juju.Ended = map[string]jujuapi.Task{"1": {ID: "1", Status: jujuapi.TaskFailed, Message: "the agent broke"}}
	if _, unit, err := r.see(false); unit != "" || err == nil || !strings.Contains(err.Error(), "the agent broke") {
		t.Errorf("through %q: %v", unit, err)
	}
}

// TestARestoredMemberIsSeenWhileAnotherClusterIsLatched: its unit is asked as what it says that it is,
// also where no other can be asked; once it is latched, the others are asked less gladly.
func TestARestoredMemberIsSeenWhileAnotherClusterIsLatched(t *testing.T) {
	const before, restored = "00000000000000c1", "00000000000000d1"
	strict := func(r *rig) {
		r.answer = func(spec v1alpha1.EtcdUnitSpec) (v1alpha1.EtcdUnitStatus, bool) {
			for _, u := range r.situation.Units {
				if u.Name == spec.Unit && u.Facts.Member.ClusterID != spec.Delivery.ExpectClusterID {
					return v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeRefused, Reason: v1alpha1.ReasonOtherCluster}, true
				}
			}
			return r.does(spec), true
		}
	}
	r := newRig(t)
	strict(r)
	r.view.ClusterID = 0xd1
	r.situation.Latch.Journal = `[{"id":"7","procedure":"restore","phase":"restore","seq":2,"since":null}]`
	for i := range r.situation.Units {
		r.situation.Units[i].Facts.Member = v1alpha1.MemberFacts{Present: i == 0, ClusterID: before}
	}
	r.situation.Units[0].Facts.Member.ClusterID = restored
	if v, unit, err := r.see(true); err != nil || unit != "etcd/0" || v.ClusterID != 0xd1 {
		t.Errorf("through %q: %v, cluster %s", unit, err, v.ClusterID)
	}

	// The others have their data, and etcd/1 is Juju's leader; the one with the data of the latched
	// cluster can make a change.
	for i := range r.situation.Units {
		r.situation.Units[i].Facts.Member.Present = true
	}
	r.situation.Latch.ClusterID = restored
	r.now = r.now.Add(time.Hour)
	if _, unit, err := r.see(true); err != nil || unit != "etcd/0" {
		t.Errorf("latched, through %q: %v", unit, err)
	}

	// Without a restore nothing is looked at through data of another cluster.
	r = newRig(t)
	strict(r)
	for i := range r.situation.Units {
		r.situation.Units[i].Facts.Member = v1alpha1.MemberFacts{Present: i == 0, ClusterID: restored}
	}
	if _, _, err := r.see(true); err == nil {
		t.Error("another cluster is looked at")
	}
}
