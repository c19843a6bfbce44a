package machine_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
)

// stopping is a procedure whose members are halted in its phase stop.
const stopping = `[{"procedure":"restore","phase":"stop","id":"17","seq":2,"since":null}]`

func under(id, phase string, back bool) *v1alpha1.JournalPhase {
	return &v1alpha1.JournalPhase{ID: id, Phase: phase, Back: back}
}

// halts is a delivery that halts the member, in the phase that the journal of stopping has.
func (w *world) halts() *v1alpha1.EtcdUnitSpec {
	spec := w.member()
	spec.Service.State = v1alpha1.ServiceHalted
	spec.Delivery.Under = under("17", "stop", false)
	return spec
}

// inPhase applies a spec while the latch has the journal.
func (w *world) inPhase(spec *v1alpha1.EtcdUnitSpec, action int64, journal string, want v1alpha1.Outcome, reason string) v1alpha1.EtcdUnitStatus {
	w.t.Helper()
	s := w.situation(action)
	s.Latch.Journal = journal
	status := w.machine().Apply(w.t.Context(), spec, s)
	if status.Outcome != want || status.Reason != reason {
		w.t.Fatalf("%s %s, want %s %s: %+v", status.Outcome, status.Reason, want, reason, status)
	}
	return status
}

// boots is what the machine does when it is started: systemd starts what is enabled.
func (w *world) boots() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = false
	if w.enabled {
		w.startEtcd()
	}
	w.show()
}

// serving is a world with a member that serves, whose calls are counted from here.
func serving(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeApplied, "")
	w.apply(w.member(), 2, v1alpha1.OutcomeApplied, "")
	w.view = healthy(ownMember, 0xb2, 0xb3)
	w.calls = nil
	return w
}

func TestAdmitTakesAHaltUnderItsPhaseAlone(t *testing.T) {
	const others = `{"procedure":"CA rotation","phase":"trust both","id":"9","seq":1,"since":null}`
	for _, tt := range []struct {
		name, journal string
		under         *v1alpha1.JournalPhase
		want          string // what the refusal says, empty: admitted
	}{
		{"in its phase", stopping, under("17", "stop", false), ""},
		{"beside another procedure", `[` + others + `,` + stopping[1:], under("17", "stop", false), ""},
		{"with what a newer daemon has written into the entry", `[{"procedure":"restore","phase":"stop","id":"17","later":{"x":1}}]`,
			under("17", "stop", false), ""},
		{"on the way back, as sent", `[{"procedure":"restore","phase":"stop","id":"17","back":true}]`, under("17", "stop", true), ""},

		{"under nothing", stopping, nil, "no procedure's phase"},
		{"under nothing, and nothing is under way", "", nil, "no procedure's phase"},
		{"under an entry without an ID", `[{"procedure":"restore","phase":"stop"}]`, under("", "stop", false), "no procedure's phase"},
		{"under an entry without a phase", `[{"procedure":"restore","id":"17"}]`, under("17", "", false), "no procedure's phase"},
		{"after the procedure has ended", "", under("17", "stop", false), "procedure 17, under which it was sent, is not under way"},
		{"after it has ended, while another one is under way", `[` + others + `]`, under("17", "stop", false), "is not under way"},
		{"after the same was begun anew", strings.Replace(stopping, "17", "18", 1), under("17", "stop", false), "is not under way"},
		{"in a later phase", strings.Replace(stopping, "stop", "begin", 1), under("17", "stop", false),
			`procedure 17 is in phase "begin", and it was sent in phase "stop"`},
		{"after it has turned back", `[{"procedure":"restore","phase":"stop","id":"17","back":true}]`, under("17", "stop", false),
			`procedure 17 is in phase "stop" on its way back`},
		{"for the way back, while it goes on", stopping, under("17", "stop", true), "on its way back"},
		{"in another entry's phase", `[` + others + `,` + stopping[1:], under("9", "stop", false), `in phase "trust both"`},
		{"in a phase that differs in a letter's case", stopping, under("17", "Stop", false), `in phase "stop"`},
		{"under an entry that is there twice", `[` + stopping[1:len(stopping)-1] + `,` + stopping[1:], under("17", "stop", false), "2 entries"},
		{"while the journal cannot be read", `{"17":"stop"}`, under("17", "stop", false), "cannot read"},
		{"while an entry cannot be read", `["17",` + stopping[1:], under("17", "stop", false), "cannot read"},
	} {
		w := &world{t: t, ca: theCA(t)}
		spec, s := w.halts(), w.situation(8)
		spec.Delivery.NotAfter = metav1.NewTime(now.Add(time.Minute))
		spec.Delivery.Under, s.Latch.Journal = tt.under, tt.journal
		seen := machine.Seen{Now: now, Unit: "etcd/0", ModelUUID: "uuid", DataDir: machine.DataDir,
			Present: true, Member: ownMember.String(), Cluster: ownCluster.String()}
		r := machine.Admit(spec, s, seen)
		switch {
		case r == nil && tt.want != "":
			t.Errorf("%s: admitted, want a refusal: %s", tt.name, tt.want)
		case r != nil && (tt.want == "" || r.Reason != v1alpha1.ReasonOtherPhase || !strings.HasPrefix(r.Message, "cannot halt etcd on etcd/0: ") ||
			!strings.Contains(r.Message, tt.want)):
			t.Errorf("%s: %s %q, want %q", tt.name, r.Reason, r.Message, tt.want)
		}
		// What is not halted needs no phase: an ordinary delivery starts the member again whatever
		// the journal says.
		spec.Service.State = v1alpha1.ServiceRunning
		if r := machine.Admit(spec, s, seen); r != nil {
			t.Errorf("%s: Running is refused: %+v", tt.name, r)
		}
	}
}

// TestAdmitNoHaltUnlessTheLatchSaysSo holds Admit against what the journal was made from.
func TestAdmitNoHaltUnlessTheLatchSaysSo(t *testing.T) {
	w := &world{t: t, ca: theCA(t)}
	rng := rand.New(rand.NewPCG(10, 4))
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	admitted := 0
	for range 5000 {
		var entries []v1alpha1.JournalEntry
		for _, id := range []string{"17", "18", "9"}[:rng.IntN(4)] {
			entries = append(entries, v1alpha1.JournalEntry{Procedure: pick("restore", "CA rotation"), ID: id,
				Phase: pick("stop", "begin"), Back: rng.IntN(3) == 0, Seq: rng.Int64N(3)})
		}
		text, err := json.Marshal(entries)
		if err != nil {
			t.Fatal(err)
		}
		spec, s := w.halts(), w.situation(8)
		spec.Delivery.NotAfter = metav1.NewTime(now.Add(time.Minute))
		s.Latch.Journal, s.Leader = string(text), true
		if spec.Delivery.Under = under(pick("17", "18", "9", ""), pick("stop", "begin", ""), rng.IntN(3) == 0); rng.IntN(9) == 0 {
			spec.Delivery.Under = nil
		}
		if rng.IntN(4) == 0 {
			// What the delivery itself makes of the journal is not committed, and permits nothing.
			to := v1alpha1.JournalEntry{Procedure: "restore", ID: "20", Phase: "stop"}
			spec.Latch = &v1alpha1.LatchRequest{Journal: &v1alpha1.JournalRequest{ID: "20", To: &to}}
			if rng.IntN(2) == 0 {
				spec.Delivery.Under = to.At()
			}
		}
		want := slices.ContainsFunc(entries, func(e v1alpha1.JournalEntry) bool {
			return spec.Delivery.Under != nil && *e.At() == *spec.Delivery.Under
		})
		r := machine.Admit(spec, s, machine.Seen{Now: now, Unit: "etcd/0", ModelUUID: "uuid", DataDir: machine.DataDir})
		if (r == nil) != want {
			t.Fatalf("admitted %t, want %t: under %+v, the journal has %s: %+v", r == nil, want, spec.Delivery.Under, text, r)
		}
		if want {
			admitted++
		}
	}
	if admitted < 100 {
		t.Errorf("only %d of 5000 were admitted", admitted)
	}
}

// TestAHaltedMemberStaysStoppedUntilItIsToRun: it is stopped under the lock, once; no hook and no
// boot starts it, nor does a delivery that says nothing of it; and when it is to run it is the same
// member, with its data, though the procedure is over by then.
func TestAHaltedMemberStaysStoppedUntilItIsToRun(t *testing.T) {
	w := serving(t)
	before := w.read(member + "/wal/0000000000000000-0000000000000000.wal")
	down := func(what string) {
		t.Helper()
		if w.running || w.enabled || w.locked {
			t.Fatalf("%s: running %t, enabled %t, the lock is held: %t", what, w.running, w.enabled, w.locked)
		}
	}
	status := w.inPhase(w.halts(), 3, stopping, v1alpha1.OutcomeApplied, "")
	down("halted")
	if diff := cmp.Diff([]string{"stop"}, w.calls); diff != "" || !slices.Contains(status.Changed, "snap stop --disable etcd") {
		t.Errorf("did not stop it once, under the lock: %s, %+v", diff, status)
	}
	if !status.Facts.Member.Present || status.Facts.RestartPending || status.RestartPending {
		t.Errorf("facts of a halted member: %+v", status.Facts)
	}
	w.calls = nil

	w.locked = true // by another unit, which is no matter of one that has nothing to stop
	w.inPhase(w.halts(), 4, stopping, v1alpha1.OutcomeApplied, "")
	w.locked = false
	down("handed the same again")
	// config-changed, update-status: what a hook does on the machine.
	m := w.machine()
	if _, err := m.Facts(t.Context()); err != nil {
		t.Error(err)
	}
	if err := m.Served(t.Context()); err != nil {
		t.Errorf("a halted member is to prove something: %v", err)
	}
	if err := m.Prove(t.Context(), nil, nil); err != nil {
		t.Error(err)
	}
	down("after a hook")
	w.boots()
	down("after a boot")
	// Another configuration is written where nothing runs, and is no restart.
	slow := w.halts()
	slow.Etcd.ElectionTimeoutMs = 5000
	status = w.inPhase(slow, 5, stopping, v1alpha1.OutcomeApplied, "")
	down("with another configuration")
	if status.RestartPending || status.Facts.RestartPending {
		t.Errorf("a restart of what does not run: %+v", status)
	}
	ready := w.prepare()
	w.inPhase(ready, 6, "", v1alpha1.OutcomeApplied, "")
	down("with service state Stopped")
	w.inPhase(w.halts(), 7, "", v1alpha1.OutcomeRefused, v1alpha1.ReasonOtherPhase)
	down("refused")
	if len(w.calls) != 0 {
		t.Errorf("did %v", w.calls)
	}

	slow.Service.State, slow.Delivery.Under = v1alpha1.ServiceRunning, nil
	status = w.inPhase(slow, 8, "", v1alpha1.OutcomeApplied, "")
	if diff := cmp.Diff([]string{"start"}, w.calls); diff != "" || !w.running || !w.enabled {
		t.Errorf("is not started: %s", diff)
	}
	if status.RestartPending || status.Facts.Member.MemberID != ownMember.String() || before != w.read(member+"/wal/0000000000000000-0000000000000000.wal") {
		t.Errorf("is another member: %+v", status)
	}
	w.boots()
	if !w.running {
		t.Error("a boot does not start it any more")
	}
}

// TestAHaltThatArrivesAfterAnAbortTouchesNothing: whatever became of the procedure, the member
// serves on.
func TestAHaltThatArrivesAfterAnAbortTouchesNothing(t *testing.T) {
	w := serving(t)
	files, pid := w.files(), w.pid
	for _, journal := range []string{"", "[]", strings.Replace(stopping, "stop", "begin", 1), strings.Replace(stopping, `"seq"`, `"back":true,"seq"`, 1)} {
		status := w.inPhase(w.halts(), 3, journal, v1alpha1.OutcomeRefused, v1alpha1.ReasonOtherPhase)
		if !w.running || w.pid != pid || len(w.calls) > 0 || len(status.Changed) > 0 {
			t.Errorf("%s: did %v", journal, w.calls)
		}
	}
	if diff := cmp.Diff(files, w.files()); diff != "" {
		t.Errorf("files: %s", diff)
	}
}

// TestAHaltWaitsForWhoeverChangesTheCluster: for who holds the lock, and for snapd; where no quorum
// answers, or it takes no writes, nobody can hold the lock, and a halt must not wait for it.
func TestAHaltWaitsForWhoeverChangesTheCluster(t *testing.T) {
	full := healthy(ownMember, 0xb2, 0xb3)
	full.Alarms = []etcdops.Alarm{{Member: ownMember, Kind: "NOSPACE"}}
	for _, tt := range []struct {
		name   string
		change func(w *world)
		want   v1alpha1.Outcome
		reason string
		says   string
	}{
		{"nobody does", func(*world) {}, v1alpha1.OutcomeApplied, "", ""},
		{"another unit holds the lock", func(w *world) { w.locked = true }, v1alpha1.OutcomeFailed, v1alpha1.ReasonLocked, "cannot halt etcd: "},
		{"another unit holds the lock, and there is no list", func(w *world) { w.locked, w.view = true, etcdops.View{} },
			v1alpha1.OutcomeFailed, v1alpha1.ReasonLocked, "etcd/9 holds the lock"},
		{"the lock cannot be taken, and a quorum answers", func(w *world) { w.keyless = true }, v1alpha1.OutcomeFailed, v1alpha1.ReasonLocked, "no leader"},
		{"no quorum answers", func(w *world) { w.keyless, w.view = true, etcdops.View{} }, v1alpha1.OutcomeApplied, "", ""},
		{"the database is full", func(w *world) { w.keyless, w.view = true, full }, v1alpha1.OutcomeApplied, "", ""},
		{"no quorum answers, and the machine has slept", func(w *world) { w.keyless, w.view, w.stopped = true, etcdops.View{}, 2*time.Hour },
			v1alpha1.OutcomeFailed, v1alpha1.ReasonLate, "time was over"},
		{"there is no certificate to ask with", func(w *world) { w.lose("var/snap/etcd/common/ca.crt") }, v1alpha1.OutcomeApplied, "", ""},
		{"snapd is at the snap", func(w *world) { w.refreshes = true }, v1alpha1.OutcomeInProgress, v1alpha1.ReasonSnapInProgress,
			"cannot halt etcd yet: snapd is at work: Refresh etcd"},
		{"the service does not stop", func(w *world) { w.stuck = true }, v1alpha1.OutcomeFailed, v1alpha1.ReasonMachine, "does not stop"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := serving(t)
			tt.change(w)
			status := w.inPhase(w.halts(), 3, stopping, tt.want, tt.reason)
			if !strings.Contains(status.Message, tt.says) {
				t.Errorf("%q does not say %q", status.Message, tt.says)
			}
			if w.running == (tt.want == v1alpha1.OutcomeApplied) {
				t.Errorf("running %t after %s: %s", w.running, status.Outcome, status.Message)
			}
		})
	}
}

func (w *world) lose(path string) {
	w.t.Helper()
	if err := os.Remove(w.path(path)); err != nil {
		w.t.Fatal(err)
	}
}

// TestHaltEndsAlikeWhereverItIsKilled: the next delivery ends it.
func TestHaltEndsAlikeWhereverItIsKilled(t *testing.T) {
	for effect := 1; ; effect++ {
		w := serving(t)
		spec := w.halts()
		spec.Etcd.ElectionTimeoutMs = 5000
		ended := w.applyUntilIn(spec, 3, effect, stopping)
		w.inPhase(spec, 3, stopping, v1alpha1.OutcomeApplied, "")
		stops := len(slices.DeleteFunc(slices.Clone(w.calls), func(c string) bool { return c != "stop" }))
		if w.running || w.enabled || stops != 1 || strings.Contains(fmt.Sprint(w.calls), "start") {
			t.Errorf("killed after effect %d: running %t, enabled %t, did %v", effect, w.running, w.enabled, w.calls)
		}
		if ended {
			if effect < 3 {
				t.Errorf("only %d kill points: effects go unnoticed", effect)
			}
			return
		}
	}
}
