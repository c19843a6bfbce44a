package machine_test

import (
	"crypto/tls"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/nagios"
	"jujuetcd.io/pkg/machine/tlsfiles"
)

const (
	ownerFile = "var/lib/jujuetcd/owner.json"
	dataWAL   = "var/snap/etcd/common/data/member/wal"
)

// listing is a cluster's answer with these members.
func listing(members ...string) etcdops.View {
	v := etcdops.View{Listed: true, ClusterID: ownCluster}
	for _, text := range members {
		id, _ := etcdops.ParseMemberID(text)
		v.Members = append(v.Members, etcdops.Member{ID: id, Name: "m" + text[len(text)-2:]})
	}
	return v
}

// as is another unit's view of the same machine.
func (w *world) as(unit, model string) *machine.Machine {
	return machine.New(machine.Options{
		Root: w.root, Unit: unit, ModelUUID: model, Log: logr.Discard(), SnapWait: 50 * time.Millisecond, StartWait: 150 * time.Millisecond,
		Connect: func(*tls.Config) machine.Cluster { return cluster{w} },
	})
}

// of is what another unit is handed.
func of(spec *v1alpha1.EtcdUnitSpec, unit, model string) *v1alpha1.EtcdUnitSpec {
	application, number, _ := strings.Cut(unit, "/")
	spec.Unit, spec.Application, spec.ModelUUID, spec.Etcd.Name = unit, application, model, application+number
	if initial := spec.Etcd.Initial; initial != nil {
		initial.Members = []v1alpha1.NamedMember{{Name: spec.Etcd.Name, PeerURL: "https://10.0.0.1:2380"}, {Name: "etcd9", PeerURL: "https://10.0.0.9:2380"}}
	}
	return spec
}

func (w *world) deliver(m *machine.Machine, spec *v1alpha1.EtcdUnitSpec, action int64, want v1alpha1.Outcome, reason string) v1alpha1.EtcdUnitStatus {
	w.t.Helper()
	status := m.Apply(w.t.Context(), spec, w.situation(action))
	if status.Outcome != want || status.Reason != reason {
		w.t.Fatalf("outcome %s %s, want %s %s: %s", status.Outcome, status.Reason, want, reason, status.Message)
	}
	return status
}

// WhoseMachine: the owner's file decides; without one the data does, then a sole record; a machine
// is never taken for one's own that may be another's.
func TestWhoseMachine(t *testing.T) {
	self, other, third := v1alpha1.UnitRef{Unit: "ea/0", ModelUUID: "m"}, v1alpha1.UnitRef{Unit: "eb/0", ModelUUID: "m"}, v1alpha1.UnitRef{Unit: "ec/0", ModelUUID: "m"}
	elsewhere := v1alpha1.UnitRef{Unit: "ea/0", ModelUUID: "n"}
	data := &v1alpha1.LeftData{Dir: machine.DataDir, ClusterID: "c", MemberID: "a1"}
	legacy := &v1alpha1.LeftData{Dir: "/var/snap/etcd/current", ClusterID: "c", MemberID: "a1"}
	refs := func(r ...v1alpha1.UnitRef) []v1alpha1.UnitRef { return r }
	with := func(kv ...any) map[v1alpha1.UnitRef]string {
		m := map[v1alpha1.UnitRef]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i].(v1alpha1.UnitRef)] = kv[i+1].(string)
		}
		return m
	}
	tests := []struct {
		name  string
		t     machine.Tenants
		taken bool
		units []v1alpha1.UnitRef
		of    *v1alpha1.UnitRef
	}{
		{"an empty machine", machine.Tenants{}, false, nil, nil},
		{"one's own by the file", machine.Tenants{Owner: &self}, false, nil, nil},
		{"one's own, and another has left a record", machine.Tenants{Owner: &self, Others: with(other, "a1"), Data: data, Runs: true}, false, nil, nil},
		{"another's by the file", machine.Tenants{Owner: &other}, true, refs(other), nil},
		{"another's by the file, with its data", machine.Tenants{Owner: &other, Others: with(other, "a1"), Data: data}, true, refs(other), &other},
		{"another's by the file, with data that is not its own", machine.Tenants{Owner: &other, Others: with(other, "b2"), Data: data}, true, refs(other), nil},
		{"a unit of the same name of another model", machine.Tenants{Owner: &elsewhere}, true, refs(elsewhere), nil},

		{"a refresh: the sole record", machine.Tenants{Recorded: true}, false, nil, nil},
		{"a refresh: the sole record with its member", machine.Tenants{Recorded: true, Member: "a1", Data: data, Runs: true}, false, nil, nil},
		{"a refresh: the sole record, and its data is too young to be in it", machine.Tenants{Recorded: true, Data: data, Runs: true}, false, nil, nil},
		{"a refresh: two records, the data is one's own", machine.Tenants{Recorded: true, Member: "a1", Others: with(other, "b2"), Data: data}, false, nil, nil},
		{"a refresh: two records, the data is the other's", machine.Tenants{Recorded: true, Member: "b2", Others: with(other, "a1"), Data: data}, true, refs(other), &other},
		{"a refresh: two records of one member", machine.Tenants{Recorded: true, Member: "a1", Others: with(other, "a1"), Data: data}, true, refs(other), nil},
		{"a refresh: two records, no data", machine.Tenants{Recorded: true, Others: with(other, "")}, true, refs(other), nil},
		{"a refresh: two records, and neither has no member to show", machine.Tenants{Recorded: true, Others: with(other, ""), Data: data}, true, refs(other), nil},

		{"another's record, from before there were owner's files", machine.Tenants{Others: with(other, "a1"), Data: data}, true, refs(other), &other},
		{"another's record without data", machine.Tenants{Others: with(other, "a1")}, true, refs(other), nil},
		{"several others' records", machine.Tenants{Others: with(third, "", other, "")}, true, refs(other, third), nil},
		{"data that nobody has recorded", machine.Tenants{Data: data}, true, nil, nil},
		{"an etcd that nobody has started", machine.Tenants{Runs: true}, true, nil, nil},
		{"data of the charm before this one", machine.Tenants{Data: legacy, Runs: true}, false, nil, nil},
		{"data of the charm before this one, recorded by another", machine.Tenants{Data: legacy, Others: with(other, "a1")}, true, refs(other), &other},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.t.Self = self
			got := machine.WhoseMachine(tt.t)
			if (got != nil) != tt.taken {
				t.Fatalf("taken: %+v, want %v", got, tt.taken)
			}
			if got == nil {
				return
			}
			if !cmp.Equal(got.Units, tt.units) {
				t.Errorf("it is of %v, want %v", got.Units, tt.units)
			}
			if tt.t.Data != nil && !cmp.Equal(got.Data.Of, tt.of) {
				t.Errorf("its data is of %v, want %v", got.Data.Of, tt.of)
			}
		})
	}
}

// Two units on one machine, of two applications or of one: the first has it, and of the second
// nothing is written there, nothing of the first is published as its own, and no delivery is
// carried out.
func TestASecondUnitTouchesNothingAndReportsNothing(t *testing.T) {
	for _, unit := range []string{"eb/0", "etcd/1"} {
		t.Run(unit, func(t *testing.T) {
			w := newWorld(t)
			w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
			second := w.as(unit, "uuid")
			before, calls := w.files(), len(w.calls)
			leaf := &tlsfiles.Leaf{Certificate: string(w.leaf.CertPEM), Key: string(w.leaf.KeyPEM)}
			if wrote, err := second.WriteLeaves(leaf, leaf, v1alpha1.UnitAddresses{Peer: "10.0.0.1", Client: "10.0.0.1"}); err != nil || len(wrote) > 0 {
				t.Errorf("wrote leaves %v, %v", wrote, err)
			}
			for _, spec := range []*v1alpha1.EtcdUnitSpec{w.prepare(), w.start(v1alpha1.InitialNew), w.member()} {
				status := w.deliver(second, of(spec, unit, "uuid"), 2, v1alpha1.OutcomeRefused, v1alpha1.ReasonTaken)
				if !strings.Contains(status.Message, "etcd/0 of application etcd runs on this machine: one machine can carry one member") {
					t.Error(status.Message)
				}
			}
			look := of(&v1alpha1.EtcdUnitSpec{Delivery: w.prepare().Delivery, Ops: []v1alpha1.EtcdOp{{Kind: v1alpha1.OpLook}}}, unit, "uuid")
			w.deliver(second, look, 3, v1alpha1.OutcomeRefused, v1alpha1.ReasonTaken)
			facts, err := second.Facts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			of := v1alpha1.UnitRef{Unit: "etcd/0", ModelUUID: "uuid"}
			want := v1alpha1.UnitFacts{Protocol: v1alpha1.Protocol, Taken: &v1alpha1.TakenFacts{Units: []v1alpha1.UnitRef{of},
				Data: &v1alpha1.LeftData{Dir: machine.DataDir, ClusterID: ownCluster.String(), MemberID: ownMember.String()}}}
			want.Taken.Data.Of = &of
			if diff := cmp.Diff(want, facts); diff != "" {
				t.Errorf("facts: %s", diff)
			}
			if last, err := second.Last(); err != nil || last != nil {
				t.Errorf("last: %+v, %v", last, err)
			}
			if c, err := second.ClientCredentials(); err != nil || c != (machine.Credentials{}) {
				t.Errorf("it has another's credentials: %v", err)
			}
			if server, client, err := second.Leaves(); err != nil || server.Certificate != nil || client.Certificate != nil {
				t.Errorf("it takes another's certificates for its own: %v", err)
			}
			if _, _, err := second.Health(t.Context()); err == nil {
				t.Error("it takes another's health for its own")
			}
			if wrote, err := second.WriteChecks(t.Context(), nagios.Checks{}); err != nil || len(wrote) > 0 {
				t.Errorf("wrote checks %v, %v", wrote, err)
			}
			if err := second.Leave(t.Context()); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(before, w.files()); diff != "" || len(w.calls) != calls || !w.running {
				t.Errorf("it has touched the machine: %s; %v", diff, w.calls[calls:])
			}
		})
	}
}

// Of units that come to a machine at the same time one gets it.
func TestOneOfManyGetsTheMachine(t *testing.T) {
	w := newWorld(t)
	const n = 8
	outcomes := make(chan v1alpha1.Outcome, n)
	for i := range n {
		unit := "e" + string(rune('a'+i)) + "/0"
		m, spec := w.as(unit, "uuid"), of(w.prepare(), unit, "uuid")
		situation := w.situation(1)
		go func() { outcomes <- m.Apply(t.Context(), spec, situation).Outcome }()
	}
	got := map[v1alpha1.Outcome]int{}
	for range n {
		got[<-outcomes]++
	}
	if got[v1alpha1.OutcomeApplied] != 1 || got[v1alpha1.OutcomeRefused] != n-1 {
		t.Errorf("outcomes: %v", got)
	}
	if left, _ := filepath.Glob(w.path("var/lib/jujuetcd/.*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A unit that an agent of before has set up gets its owner's file by itself, and goes on as it was.
func TestARefreshedUnitKeepsItsMachine(t *testing.T) {
	w := newWorld(t)
	w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
	before, err := w.machine().Facts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(w.path(ownerFile)); err != nil {
		t.Fatal(err)
	}
	after, err := w.machine().Facts(t.Context())
	if diff := cmp.Diff(before, after); err != nil || diff != "" || after.Taken != nil {
		t.Errorf("%s, %v", diff, err)
	}
	var o v1alpha1.UnitRef
	if err := json.Unmarshal([]byte(w.read(ownerFile)), &o); err != nil || o != (v1alpha1.UnitRef{Unit: "etcd/0", ModelUUID: "uuid"}) {
		t.Errorf("the owner is %+v, %v", o, err)
	}
}

// A unit that leaves leaves a machine on which the next one begins: nothing runs or is enabled, the
// data is set aside, and not deleted.
func TestAUnitThatLeavesLeavesTheMachineToTheNext(t *testing.T) {
	for name, next := range map[string][2]string{"the next unit": {"etcd/5", "uuid"}, "another application's": {"eb/0", "uuid"},
		"a unit of the same name in another model": {"etcd/0", "other"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
			for range 2 { // a hook that failed afterwards is run again
				if err := w.machine().Leave(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if w.running || w.enabled || w.exists(dataWAL) || w.exists(ownerFile) {
				t.Errorf("running %v, enabled %v, data %v, owner %v", w.running, w.enabled, w.exists(dataWAL), w.exists(ownerFile))
			}
			if aside, _ := filepath.Glob(w.path("var/snap/etcd/common/data.aside-*/wal/*.wal")); len(aside) != 1 {
				t.Errorf("set aside: %v", aside)
			}
			w.startEtcd()
			if w.running {
				t.Error("etcd can be started by what is left")
			}
			m := w.as(next[0], next[1])
			facts, err := m.Facts(t.Context())
			if err != nil || facts.Taken != nil || facts.Member != (v1alpha1.MemberFacts{}) || facts.Applied != nil {
				t.Fatalf("facts of %s: %+v, %v", next[0], facts, err)
			}
			spec := of(w.start(v1alpha1.InitialExisting), next[0], next[1])
			status := w.deliver(m, spec, 9, v1alpha1.OutcomeApplied, "")
			if !w.running || !status.Facts.Member.Started {
				t.Errorf("running %v, %+v", w.running, status.Facts.Member)
			}
		})
	}
}

// Killed anywhere while it leaves, and asked again, a unit ends as if it had not been.
func TestLeavingEndsAlikeWhereverItIsKilled(t *testing.T) {
	for effect := 1; ; effect++ {
		w := newWorld(t)
		w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
		m, n, ended := w.machine(), 0, true
		m.OnEffect(func(string) {
			if n++; n == effect {
				panic(crash{})
			}
		})
		func() {
			defer func() {
				if e := recover(); e != nil {
					ended = false
				}
			}()
			if err := m.Leave(t.Context()); err != nil {
				t.Fatal(err)
			}
		}()
		if err := w.machine().Leave(t.Context()); err != nil {
			t.Fatalf("killed after effect %d: %v", effect, err)
		}
		facts, err := w.as("etcd/5", "uuid").Facts(t.Context())
		if err != nil || facts.Taken != nil || w.running || w.exists(dataWAL) || w.exists(ownerFile) {
			t.Errorf("killed after effect %d: %+v, %v, running %v", effect, facts.Taken, err, w.running)
		}
		if ended {
			if effect < 4 {
				t.Errorf("only %d kill points: effects go unnoticed", effect)
			}
			return
		}
	}
}

// What lies in the data directory and is not the leaving unit's is neither stopped nor moved.
func TestALeavingUnitStopsNobodyElse(t *testing.T) {
	w := newWorld(t)
	w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
	if err := os.RemoveAll(w.path("var/snap/etcd/common/data")); err != nil {
		t.Fatal(err)
	}
	w.bear(0xee, 0xcc)
	if err := w.machine().Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !w.running || !w.exists(dataWAL) || slices.Contains(w.calls, "stop") {
		t.Errorf("running %v, data %v, %v", w.running, w.exists(dataWAL), w.calls)
	}
	facts, err := w.as("etcd/5", "uuid").Facts(t.Context())
	if err != nil || facts.Taken == nil || len(facts.Taken.Units) > 0 || facts.Taken.Data == nil {
		t.Errorf("the next unit sees %+v, %v", facts.Taken, err)
	}
}

// What a unit has left that was forced off is cleared only by a delivery that names it, and only
// when nobody misses its member.
func TestWhatAForcedOffUnitHasLeft(t *testing.T) {
	gone := v1alpha1.UnitRef{Unit: "etcd/0", ModelUUID: "uuid"}
	tests := []struct {
		name    string
		orphans *v1alpha1.Orphans
		view    etcdops.View
		stopped bool
		change  func(*world)
		outcome v1alpha1.Outcome
	}{
		{"nobody says that it is gone", nil, listing(otherMember), true, nil, v1alpha1.OutcomeRefused},
		{"another is said to be gone", &v1alpha1.Orphans{Units: []v1alpha1.UnitRef{{Unit: "etcd/0", ModelUUID: "x"}}, Whole: true},
			listing(otherMember), true, nil, v1alpha1.OutcomeRefused},
		{"it is gone, and its cluster has removed it", &v1alpha1.Orphans{Units: []v1alpha1.UnitRef{gone}}, listing(otherMember), false, nil, v1alpha1.OutcomeApplied},
		{"it is gone, and still a member", &v1alpha1.Orphans{Units: []v1alpha1.UnitRef{gone}}, listing(otherMember, ownMember.String()), false, nil, v1alpha1.OutcomeFailed},
		{"it is gone, still a member, and down", &v1alpha1.Orphans{Units: []v1alpha1.UnitRef{gone}}, listing(otherMember, ownMember.String()), true, nil, v1alpha1.OutcomeFailed},
		{"it is gone, and nobody can be asked", &v1alpha1.Orphans{Units: []v1alpha1.UnitRef{gone}}, etcdops.View{Err: "no leader"}, false, nil, v1alpha1.OutcomeFailed},
		{"its application is gone", &v1alpha1.Orphans{Units: []v1alpha1.UnitRef{gone}, Whole: true}, listing(otherMember, ownMember.String()), false, nil, v1alpha1.OutcomeApplied},
		{"the data is not that of the owner", &v1alpha1.Orphans{Units: []v1alpha1.UnitRef{gone}, Whole: true}, listing(otherMember), false, func(w *world) {
			_ = os.RemoveAll(w.path("var/snap/etcd/common/data"))
			w.bear(0xee, 0xcc)
		}, v1alpha1.OutcomeRefused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
			w.view, w.running = tt.view, !tt.stopped
			w.show()
			if tt.change != nil {
				tt.change(w)
			}
			spec := of(w.prepare(), "etcd/5", "uuid")
			spec.Delivery.Orphans = tt.orphans
			status := w.as("etcd/5", "uuid").Apply(t.Context(), spec, w.situation(2))
			if status.Outcome != tt.outcome || tt.outcome != v1alpha1.OutcomeApplied && status.Reason != v1alpha1.ReasonTaken {
				t.Fatalf("%s %s: %s", status.Outcome, status.Reason, status.Message)
			}
			applied := tt.outcome == v1alpha1.OutcomeApplied
			if w.exists(dataWAL) == applied || !applied && w.running == tt.stopped {
				t.Errorf("data %v, running %v", w.exists(dataWAL), w.running)
			}
			if applied != strings.Contains(w.read(ownerFile), "etcd/5") {
				t.Errorf("the owner is %s", w.read(ownerFile))
			}
			if applied && (w.running || status.Facts.Taken != nil) {
				t.Errorf("running %v, %+v", w.running, status.Facts.Taken)
			}
		})
	}
}

// Killed anywhere while a machine is cleared, the next delivery ends as if it had not been.
func TestClearingEndsAlikeWhereverItIsKilled(t *testing.T) {
	for effect := 1; ; effect++ {
		w := newWorld(t)
		w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
		w.view = listing(otherMember)
		spec := of(w.prepare(), "etcd/5", "uuid")
		spec.Delivery.Orphans = &v1alpha1.Orphans{Units: []v1alpha1.UnitRef{{Unit: "etcd/0", ModelUUID: "uuid"}}}
		m, n, ended := w.as("etcd/5", "uuid"), 0, true
		m.OnEffect(func(string) {
			if n++; n == effect {
				panic(crash{})
			}
		})
		func() {
			defer func() {
				if e := recover(); e != nil {
					ended = false
				}
			}()
			m.Apply(t.Context(), spec, w.situation(2))
		}()
		status := w.as("etcd/5", "uuid").Apply(t.Context(), spec, w.situation(2))
		if status.Outcome != v1alpha1.OutcomeApplied || w.running || w.exists(dataWAL) || !strings.Contains(w.read(ownerFile), "etcd/5") {
			t.Errorf("killed after effect %d: %+v, running %v", effect, status, w.running)
		}
		if aside, _ := filepath.Glob(w.path("var/snap/etcd/common/data.aside-*/wal/*.wal")); len(aside) != 1 {
			t.Errorf("killed after effect %d: set aside are %v", effect, aside)
		}
		if ended {
			return
		}
	}
}

// A delivery that says that this unit's member was removed is not believed: a fresh list has the
// last word.
func TestNobodyIsResetOnHearsay(t *testing.T) {
	other := listing(otherMember)
	other.ClusterID = 0xcc
	for name, view := range map[string]etcdops.View{
		"it is a member":           listing(otherMember, ownMember.String()),
		"no list can be had":       {Err: "no leader"},
		"another cluster's answer": other,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
			w.view = view
			spec := w.prepare()
			spec.Delivery.AllowReset, spec.Delivery.Members = true, []string{otherMember}
			w.apply(spec, 2, v1alpha1.OutcomeFailed, v1alpha1.ReasonQuorumGuard)
			if !w.running || !w.exists(dataWAL) || slices.Contains(w.calls, "stop") {
				t.Errorf("running %v, data %v, %v", w.running, w.exists(dataWAL), w.calls)
			}
		})
	}
}
