package etcdops_test

import (
	"errors"
	"testing"

	"jujuetcd.io/pkg/etcdops"
)

// TestAnOpMakesTheChangeThatItCameFrom: what a daemon decides on is what an agent makes.
func TestAnOpMakesTheChangeThatItCameFrom(t *testing.T) {
	url := "https://127.0.0.4:2380"
	kinds := map[etcdops.ChangeKind]bool{}
	for _, test := range []struct {
		change  etcdops.Change
		op      etcdops.Op
		subject etcdops.MemberID
		needs   etcdops.Needs
	}{
		{etcdops.AddLearner{PeerURL: url}, etcdops.Op{Kind: "AddLearner", PeerURL: url}, 0, etcdops.Needs{PeerURL: true}},
		{etcdops.Promote{Member: 4}, etcdops.Op{Kind: "Promote", Member: 4}, 4, etcdops.Needs{Member: true, LagLimit: true}},
		{etcdops.Remove{Member: 4}, etcdops.Op{Kind: "Remove", Member: 4}, 4, etcdops.Needs{Member: true}},
		{etcdops.MoveLeader{To: 1}, etcdops.Op{Kind: "MoveLeader", Member: 1}, 0, etcdops.Needs{Member: true}},
		{etcdops.UpdatePeerURL{Member: 3, PeerURL: url}, etcdops.Op{Kind: "UpdatePeerURL", Member: 3, PeerURL: url}, 3,
			etcdops.Needs{Member: true, PeerURL: true}},
		{etcdops.Disarm{Member: 4}, etcdops.Op{Kind: "Disarm", Member: 4}, 4, etcdops.Needs{Member: true}},
	} {
		kind := test.change.Kind()
		kinds[kind] = true
		if etcdops.Unlocked(test.change) != (kind == etcdops.ChangeDisarm) {
			t.Errorf("%s is made without the lock", kind)
		}
		if op := test.change.Op(); op != test.op || op.Kind != kind {
			t.Errorf("%s is asked for as %+v", kind, op)
		}
		if got, err := test.op.Change(); err != nil || got != test.change {
			t.Errorf("%+v makes %+v, %v", test.op, got, err)
		}
		if got := test.change.Subject(); got != test.subject {
			t.Errorf("%s is about %s", kind, got)
		}
		if needs, known := etcdops.NeedsOf(kind); !known || needs != test.needs {
			t.Errorf("%s needs %+v", kind, needs)
		}
	}
	if len(kinds) != etcdops.OpKinds() {
		t.Errorf("there are %d kinds of ops, and %d are tested", etcdops.OpKinds(), len(kinds))
	}
	for _, kind := range []etcdops.ChangeKind{"", "Look", "Defragment"} {
		if c, err := (etcdops.Op{Kind: kind}).Change(); err == nil {
			t.Errorf("%q makes %+v", kind, c)
		}
		if _, known := etcdops.NeedsOf(kind); known {
			t.Errorf("%q is known", kind)
		}
	}
}

// TestATouchDisturbsNobody: it is made in a cluster that is ill, under the name of an op that every agent knows and finds done.
func TestATouchDisturbsNobody(t *testing.T) {
	ill := world{voters: ups(3, 2), learners: []bool{false}}.view()
	m := ill.Members[3]
	touch := etcdops.Touch{Member: m.ID, PeerURL: "https://127.0.0.4:2380"}
	if err := touch.Guard(ill, etcdops.Limits{}); err != nil || touch.Done(ill) || touch.Subject() != m.ID {
		t.Errorf("guard %v, done %t, about %s", err, touch.Done(ill), touch.Subject())
	}
	if err := touch.Make(t.Context(), nil, ill); err != nil {
		t.Errorf("%v", err)
	}
	asked, err := touch.Op().Change()
	if err != nil || asked.Kind() != etcdops.ChangePeerURL || !asked.Done(ill) {
		t.Errorf("an agent is asked for %+v, %v, and finds it done: %t", asked, err, err == nil && asked.Done(ill))
	}
	unlisted := ill
	unlisted.Listed = false
	if err := touch.Guard(unlisted, etcdops.Limits{}); !errors.Is(err, etcdops.ErrUnlisted) {
		t.Errorf("without a list: %v", err)
	}
	if _, known := etcdops.NeedsOf(etcdops.ChangeTouch); known {
		t.Error("agents of other versions know no op of this kind")
	}
}
