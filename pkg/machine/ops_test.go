package machine_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
)

// threeVoters is a healthy cluster of the unit's own member and two others, 0x11 leading; with a
// learner that has caught up.
func threeVoters() etcdops.View {
	v := etcdops.View{At: time.Now(), Listed: true, ClusterID: ownCluster, Health: map[string]etcdops.EndpointHealth{}}
	for i, m := range []etcdops.Member{{ID: ownMember, Name: "etcd0"}, {ID: 0x11, Name: "etcd1"}, {ID: 0x12, Name: "etcd2"},
		{ID: 0x13, Name: "etcd3", Learner: true}} {
		url := "https://10.0.0." + string(rune('1'+i)) + ":2379"
		m.ClientURLs, m.PeerURLs = []string{url}, []string{strings.Replace(url, "2379", "2380", 1)}
		v.Members = append(v.Members, m)
		v.Health[url] = etcdops.EndpointHealth{Endpoint: url, Serves: true, Answered: true, ClusterID: ownCluster, MemberID: m.ID,
			Leader: 0x11, Learner: m.Learner, RaftIndex: 100, AppliedIndex: 100}
	}
	return v
}

// running is a world whose unit has a member of a latched cluster.
func running(t *testing.T) (*world, machine.Situation) {
	t.Helper()
	w := newWorld(t)
	w.apply(w.prepare(), 1, v1alpha1.OutcomeApplied, "")
	w.apply(w.start(v1alpha1.InitialNew), 2, v1alpha1.OutcomeApplied, "")
	w.view, w.calls = threeVoters(), nil
	s := w.situation(3)
	s.Latch.ClusterID = ownCluster.String()
	s.Server, s.Client = nil, nil
	return w, s
}

func (w *world) ops(ops ...v1alpha1.EtcdOp) *v1alpha1.EtcdUnitSpec {
	for i := range ops {
		if ops[i].Changes() {
			ops[i].ExpectMembers = []string{ownMember.String(), "0000000000000011", "0000000000000012", "0000000000000013"}
			ops[i].LagLimit = 1000
		}
	}
	return &v1alpha1.EtcdUnitSpec{Unit: "etcd/0", Application: "etcd", ModelUUID: "uuid", Ops: ops,
		Delivery: v1alpha1.Delivery{Protocol: 1, Epoch: v1alpha1.Epoch{Number: 1, Holder: "daemon"},
			NotAfter: metav1.NewTime(time.Now().Add(time.Hour)), ExpectClusterID: ownCluster.String()}}
}

var (
	look    = v1alpha1.EtcdOp{Kind: v1alpha1.OpLook, Endpoints: []string{"https://10.0.0.9:2379"}}
	promote = v1alpha1.EtcdOp{Kind: v1alpha1.OpPromote, Member: "0000000000000013"}
	remove  = v1alpha1.EtcdOp{Kind: v1alpha1.OpRemove, Member: "0000000000000012"}
	add     = v1alpha1.EtcdOp{Kind: v1alpha1.OpAddLearner, PeerURL: "https://10.0.0.5:2380"}
	move    = v1alpha1.EtcdOp{Kind: v1alpha1.OpMoveLeader, Member: "0000000000000012"}
	disarm  = v1alpha1.EtcdOp{Kind: v1alpha1.OpDisarm, Member: "0000000000000011"}
)

func TestOpsAreDoneUnderTheLockAndLeaveTheMachineAlone(t *testing.T) {
	for _, test := range []struct {
		name string
		op   v1alpha1.EtcdOp
		does string
	}{
		{"promote", promote, "Promote 0000000000000013 locked=true"},
		{"remove", remove, "Remove 0000000000000012 locked=true"},
		{"move the leader", move, "MoveLeader 0000000000000012 locked=true"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, s := running(t)
			before := w.files()
			status := w.machine().Apply(t.Context(), w.ops(test.op, look), s)
			if status.Outcome != v1alpha1.OutcomeApplied || len(status.Ops) != 2 || status.Facts != nil {
				t.Fatalf("%+v", status)
			}
			want := []string{"look locked=true", test.does, "look locked=false"}
			if diff := cmp.Diff(want, w.calls); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, w.files()); diff != "" || w.locked {
				t.Errorf("the machine has changed, or the lock is still held: %s", diff)
			}
			var seen etcdops.View
			if err := json.Unmarshal([]byte(status.Ops[1].View), &seen); err != nil || !cmp.Equal(seen.Members, w.view.Members) {
				t.Errorf("the view does not come through: %v, %+v", err, seen)
			}
		})
	}
}

// full lets a member have the NOSPACE alarm, and all of them databases of the size below a quota of
// 1 GiB.
func (w *world) full(size int64) {
	w.view.Alarms = []etcdops.Alarm{{Member: 0x11, Kind: "NOSPACE"}}
	for url, h := range w.view.Health {
		h.DBSize, h.Quota, h.Alarmed = size, 1<<30, true
		w.view.Health[url] = h
	}
}

// TestAnAlarmIsDisarmedWithoutTheLock: nobody can take it while the alarm is up.
func TestAnAlarmIsDisarmedWithoutTheLock(t *testing.T) {
	w, s := running(t)
	w.keyless = true
	w.full(1 << 20)
	status := w.machine().Apply(t.Context(), w.ops(disarm, look), s)
	want := []string{"look locked=false", "Disarm 0000000000000011 locked=false", "look locked=false"}
	if diff := cmp.Diff(want, w.calls); status.Outcome != v1alpha1.OutcomeApplied || diff != "" {
		t.Errorf("%+v %s", status, diff)
	}
}

func TestOpsThatAreRefusedTouchNothing(t *testing.T) {
	for _, test := range []struct {
		name   string
		op     v1alpha1.EtcdOp
		spoil  func(*world, *v1alpha1.EtcdUnitSpec, *machine.Situation)
		reason string
	}{
		{"late", remove, func(_ *world, spec *v1alpha1.EtcdUnitSpec, _ *machine.Situation) {
			spec.Delivery.NotAfter = metav1.NewTime(time.Now().Add(-time.Second))
		}, v1alpha1.ReasonLate},
		{"another unit's", remove, func(_ *world, spec *v1alpha1.EtcdUnitSpec, _ *machine.Situation) { spec.Unit = "etcd/1" }, v1alpha1.ReasonOtherUnit},
		{"a newer daemon leads", remove, func(_ *world, _ *v1alpha1.EtcdUnitSpec, s *machine.Situation) {
			s.Latch.Epoch = &v1alpha1.Epoch{Number: 2, Holder: "other"}
		}, v1alpha1.ReasonOlderEpoch},
		{"another daemon leads", remove, func(_ *world, _ *v1alpha1.EtcdUnitSpec, s *machine.Situation) {
			s.Latch.Epoch = &v1alpha1.Epoch{Number: 1, Holder: "other"}
		}, v1alpha1.ReasonForeignHolder},
		{"nobody leads", remove, func(_ *world, _ *v1alpha1.EtcdUnitSpec, s *machine.Situation) { s.Latch.Epoch = nil }, v1alpha1.ReasonForeignHolder},
		{"an epoch that nobody was granted", remove, func(_ *world, spec *v1alpha1.EtcdUnitSpec, _ *machine.Situation) {
			spec.Delivery.Epoch.Number = 9
		}, v1alpha1.ReasonForeignHolder},
		{"a later action was applied", remove, func(_ *world, _ *v1alpha1.EtcdUnitSpec, s *machine.Situation) { s.Action = 1 }, v1alpha1.ReasonOlderAction},
		{"another cluster's", remove, func(_ *world, spec *v1alpha1.EtcdUnitSpec, _ *machine.Situation) {
			spec.Delivery.ExpectClusterID = "00000000000000ff"
		}, v1alpha1.ReasonOtherCluster},
		{"another cluster answers", remove, func(w *world, _ *v1alpha1.EtcdUnitSpec, _ *machine.Situation) { w.view.ClusterID = 0xff }, v1alpha1.ReasonOtherCluster},
		{"members that the sender did not see", remove, func(w *world, spec *v1alpha1.EtcdUnitSpec, _ *machine.Situation) {
			spec.Ops[0].ExpectMembers = spec.Ops[0].ExpectMembers[1:]
		}, v1alpha1.ReasonOtherMembers},
		{"the guard forbids it", remove, func(w *world, _ *v1alpha1.EtcdUnitSpec, _ *machine.Situation) {
			h := w.view.Health["https://10.0.0.1:2379"]
			h.Serves, h.Fault = false, etcdops.FaultUnreachable
			w.view.Health["https://10.0.0.1:2379"] = h
		}, v1alpha1.ReasonQuorumGuard},
		{"a learner is there", add, func(*world, *v1alpha1.EtcdUnitSpec, *machine.Situation) {}, v1alpha1.ReasonQuorumGuard},
		{"the learner lags", promote, func(w *world, _ *v1alpha1.EtcdUnitSpec, _ *machine.Situation) {
			h := w.view.Health["https://10.0.0.4:2379"]
			h.AppliedIndex = 1
			w.view.Health["https://10.0.0.4:2379"] = h
			h = w.view.Health["https://10.0.0.1:2379"]
			h.RaftIndex = 5000
			w.view.Health["https://10.0.0.1:2379"] = h
		}, v1alpha1.ReasonQuorumGuard},
		{"there is no list", remove, func(w *world, _ *v1alpha1.EtcdUnitSpec, _ *machine.Situation) { w.view.Listed = false }, v1alpha1.ReasonQuorumGuard},
		{"somebody holds the lock", remove, func(w *world, _ *v1alpha1.EtcdUnitSpec, _ *machine.Situation) { w.locked = true }, v1alpha1.ReasonLocked},
		{"no member", v1alpha1.EtcdOp{Kind: v1alpha1.OpRemove, Member: "xyz"}, func(*world, *v1alpha1.EtcdUnitSpec, *machine.Situation) {}, v1alpha1.ReasonBadSpec},
		{"a member and nowhere", v1alpha1.EtcdOp{Kind: v1alpha1.OpPeerURL, Member: "0000000000000013"}, func(*world, *v1alpha1.EtcdUnitSpec, *machine.Situation) {}, v1alpha1.ReasonBadSpec},
		{"nowhere", v1alpha1.EtcdOp{Kind: v1alpha1.OpAddLearner}, func(*world, *v1alpha1.EtcdUnitSpec, *machine.Situation) {}, v1alpha1.ReasonBadSpec},
		{"no limit", promote, func(_ *world, spec *v1alpha1.EtcdUnitSpec, _ *machine.Situation) { spec.Ops[0].LagLimit = 0 }, v1alpha1.ReasonBadSpec},
		{"an unknown kind", v1alpha1.EtcdOp{Kind: "Defragment"}, func(*world, *v1alpha1.EtcdUnitSpec, *machine.Situation) {}, v1alpha1.ReasonBadSpec},
		{"a kind that is no op", v1alpha1.EtcdOp{Kind: v1alpha1.OpKind(etcdops.ChangeTouch), Member: "0000000000000013"}, func(*world, *v1alpha1.EtcdUnitSpec, *machine.Situation) {}, v1alpha1.ReasonBadSpec},
		{"a database without room", disarm, func(w *world, _ *v1alpha1.EtcdUnitSpec, _ *machine.Situation) { w.full(1 << 30) }, v1alpha1.ReasonQuorumGuard},
		{"a latch request beside it", look, func(_ *world, spec *v1alpha1.EtcdUnitSpec, _ *machine.Situation) {
			spec.Latch = &v1alpha1.LatchRequest{ClusterID: "1"}
		}, v1alpha1.ReasonBadSpec},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, s := running(t)
			spec := w.ops(test.op)
			test.spoil(w, spec, &s)
			held := w.locked
			before := w.files()
			status := w.machine().Apply(t.Context(), spec, s)
			if status.Outcome != v1alpha1.OutcomeRefused || status.Reason != test.reason || status.Message == "" {
				t.Errorf("%+v", status)
			}
			for _, call := range w.calls {
				if !strings.HasPrefix(call, "look") {
					t.Errorf("it did %q", call)
				}
			}
			if diff := cmp.Diff(before, w.files()); diff != "" || w.locked != held {
				t.Errorf("something was touched: %s", diff)
			}
		})
	}
}

// An agent that is stopped between its look under the lock and the change does not make it when it
// goes on.
func TestOpsAreNotDoneByAnAgentThatWasStopped(t *testing.T) {
	for _, op := range []v1alpha1.EtcdOp{promote, remove, move} {
		w, s := running(t)
		w.stopped = 15 * time.Second
		status := w.machine().Apply(t.Context(), w.ops(op), s)
		if status.Outcome != v1alpha1.OutcomeFailed || !strings.Contains(status.Message, "lease is over") {
			t.Errorf("%s: %+v", op.Kind, status)
		}
		if diff := cmp.Diff([]string{"look locked=true"}, w.calls); diff != "" || w.locked {
			t.Errorf("%s: %s, the lock is held: %t", op.Kind, diff, w.locked)
		}
	}
}

// What is there already is a success, whatever has changed since: the answer to the first attempt
// was lost. A touch comes as such an op: what is done for it is the lock.
func TestOpsThatAreDoneAlreadyDoNothing(t *testing.T) {
	w, s := running(t)
	spec := w.ops(v1alpha1.EtcdOp{Kind: v1alpha1.OpAddLearner, PeerURL: "https://10.0.0.4:2380"},
		v1alpha1.EtcdOp{Kind: v1alpha1.OpRemove, Member: "00000000000000aa"},
		v1alpha1.EtcdOp{Kind: v1alpha1.OpPeerURL, Member: "0000000000000013", PeerURL: "https://10.0.0.4:2380"})
	spec.Ops[0].ExpectMembers = spec.Ops[0].ExpectMembers[:3]
	status := w.machine().Apply(t.Context(), spec, s)
	if status.Outcome != v1alpha1.OutcomeApplied {
		t.Errorf("%+v", status)
	}
	if diff := cmp.Diff([]string{"look locked=true", "look locked=true", "look locked=true"}, w.calls); diff != "" {
		t.Error(diff)
	}
}

// A change after one that was refused is not begun; a look is: it says why.
func TestOpsAfterARefusalAreLeftOutSaveLooks(t *testing.T) {
	w, s := running(t)
	status := w.machine().Apply(t.Context(), w.ops(add, remove, look), s)
	if status.Outcome != v1alpha1.OutcomeRefused || len(status.Ops) != 2 || status.Ops[1].View == "" {
		t.Errorf("%+v", status)
	}
}

func TestOpsThatOnlyLookNeedNoEpoch(t *testing.T) {
	w, s := running(t)
	spec := w.ops(look)
	spec.Delivery.Epoch, s.Action = v1alpha1.Epoch{}, 0
	if status := w.machine().Apply(t.Context(), spec, s); status.Outcome != v1alpha1.OutcomeApplied || status.Ops[0].View == "" {
		t.Errorf("%+v", status)
	}
}

func TestOpsAreNoPartOfTheDesiredState(t *testing.T) {
	w := newWorld(t)
	plain, with := w.prepare(), w.prepare()
	with.Ops = []v1alpha1.EtcdOp{look}
	if plain.Hash() != with.Hash() {
		t.Error("ops change the hash")
	}
}
