package machine_test

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/record"
)

// words is a delivery that brings words only.
func words(message string) *v1alpha1.EtcdUnitSpec {
	return &v1alpha1.EtcdUnitSpec{
		Unit: "etcd/0", Application: "etcd", ModelUUID: "model",
		Delivery: v1alpha1.Delivery{Protocol: 2, Epoch: epoch(4, "d"), NotAfter: metav1.NewTime(now.Add(time.Minute)), WordsOnly: true},
		Status:   v1alpha1.StatusSpec{Unit: v1alpha1.StatusText{State: "waiting", Message: message}},
	}
}

// The property: words are taken by who may be handed them, whatever is on the machine, and bring
// nothing but a claim.
func TestAdmitWords(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(j *judged)
		want   string
	}{
		{"words", func(*judged) {}, ""},
		{"with a claim", func(j *judged) {
			j.s.Latch, j.s.Leader = v1alpha1.Latch{}, true
			j.spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{}}
		}, ""},
		{"with seeds", func(j *judged) { j.s.Leader, j.spec.Latch = true, &v1alpha1.LatchRequest{Seeds: seeds()} }, v1alpha1.ReasonBadSpec},
		{"with a cluster ID", func(j *judged) {
			j.s.Leader, j.spec.Latch = true, &v1alpha1.LatchRequest{ClusterID: "00000000000000c1"}
		}, v1alpha1.ReasonBadSpec},
		{"with a new identity", func(j *judged) {
			j.s.Leader, j.spec.Latch = true, &v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{}}
		}, v1alpha1.ReasonBadSpec},
		{"with ops", func(j *judged) { j.spec.Ops = []v1alpha1.EtcdOp{{Kind: v1alpha1.OpLook}} }, v1alpha1.ReasonBadSpec},
		{"of nobody", func(j *judged) { j.spec.Delivery.Epoch = v1alpha1.Epoch{} }, v1alpha1.ReasonBadSpec},
		{"for ever", func(j *judged) { j.spec.Delivery.NotAfter = metav1.Time{} }, v1alpha1.ReasonBadSpec},
		{"late", func(j *judged) { j.spec.Delivery.NotAfter = metav1.NewTime(now.Add(-time.Second)) }, v1alpha1.ReasonLate},
		{"for another unit", func(j *judged) { j.spec.Unit = "etcd/1" }, v1alpha1.ReasonOtherUnit},
		{"of an older epoch than the latch's", func(j *judged) { j.s.Latch.Epoch = &v1alpha1.Epoch{Number: 5, Holder: "e"} }, v1alpha1.ReasonOlderEpoch},
		{"of another holder", func(j *judged) { j.spec.Delivery.Epoch.Holder = "x" }, v1alpha1.ReasonForeignHolder},
		{"older than what was applied", func(j *judged) { j.applied(9) }, v1alpha1.ReasonOlderAction},
		{"a claim on another unit than the leader's", func(j *judged) {
			j.spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{}}
		}, v1alpha1.ReasonNotLeader},
		{"where another cluster's data is", func(j *judged) { j.holds("00000000000000a1", "00000000000000c2") }, ""},
		{"where data is lost", func(j *judged) { j.seen.Record.Member = record.Member{Started: true, MemberID: "00000000000000a1"} }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := judged{spec: words("w"), s: machine.Situation{Latch: v1alpha1.Latch{Epoch: &v1alpha1.Epoch{Number: 4, Holder: "d"}}, Action: 8},
				seen: machine.Seen{Now: now, Unit: "etcd/0", ModelUUID: "model"}}
			c.change(&j)
			got := ""
			if r := machine.AdmitWords(j.spec, j.s, j.seen); r != nil {
				got = r.Reason
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// Words stay until something is applied, or other words are delivered; later deliveries that arrive
// earlier do not come back.
func TestWordsAreKeptUntilTheNextDelivery(t *testing.T) {
	m := machine.New(machine.Options{Root: t.TempDir(), Unit: "etcd/0", ModelUUID: "model", Now: func() time.Time { return now }})
	latch := v1alpha1.Latch{Epoch: &v1alpha1.Epoch{Number: 4, Holder: "d"}}
	deliver := func(message string, action int64) v1alpha1.EtcdUnitStatus {
		return m.TakeWords(context.Background(), words(message), machine.Situation{Latch: latch, Action: action})
	}
	expect := func(want string) {
		t.Helper()
		got := ""
		if s, err := m.DeliveredWords(); err != nil {
			t.Fatal(err)
		} else if s != nil {
			got = s.Unit.Message
		}
		if got != want {
			t.Errorf("delivered %q, want %q", got, want)
		}
	}
	expect("")
	for _, c := range []struct {
		message string
		action  int64
		want    v1alpha1.Outcome
		shows   string
	}{
		{"first", 7, v1alpha1.OutcomeApplied, "first"},
		{"second", 9, v1alpha1.OutcomeApplied, "second"},
		{"between", 8, v1alpha1.OutcomeRefused, "second"},
	} {
		if s := deliver(c.message, c.action); s.Outcome != c.want {
			t.Errorf("%s: %s %s", c.message, s.Outcome, s.Message)
		}
		expect(c.shows)
	}
	m.Record(func(r *record.Record) { r.Epoch, r.Action = epoch(4, "d"), 10 })
	expect("")
	if s := deliver("older than the machine", 9); s.Outcome != v1alpha1.OutcomeRefused {
		t.Errorf("%s", s.Outcome)
	}
	if s := deliver("third", 11); s.Outcome != v1alpha1.OutcomeApplied {
		t.Errorf("%s: %s", s.Outcome, s.Message)
	}
	expect("third")
}
