package machine_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/record"
)

// FuzzAdmit: what a delivery says, it is carried out by the unit that it is meant for alone, in its
// time, by no older epoch, on no other cluster's data, nobody begins anew but a latched seed whose
// cluster is not there, and nobody is halted but under the phase that the journal has.
func FuzzAdmit(f *testing.F) {
	w := &world{ca: theCA(f)}
	spec := w.prepare()
	text, err := json.Marshal(spec)
	if err != nil {
		f.Fatal(err)
	}
	born := *spec.DeepCopy()
	born.Service.State = v1alpha1.ServiceRunning
	born.Etcd.Initial = &v1alpha1.InitialCluster{Token: "token", State: v1alpha1.InitialNew}
	for _, s := range seeds().Members {
		born.Etcd.Initial.Members = append(born.Etcd.Initial.Members, v1alpha1.NamedMember{Name: s.Name, PeerURL: s.PeerURL})
	}
	begun, err := json.Marshal(born)
	if err != nil {
		f.Fatal(err)
	}
	halts := w.halts()
	halts.Delivery.Epoch = v1alpha1.Epoch{Number: 4, Holder: "d"}
	halted, err := json.Marshal(halts)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{text, begun, halted, []byte(`null`), []byte(`{"latch":null,"ops":null,"delivery":{"epoch":null}}`)} {
		f.Add(seed, int64(8), true, true, "", "", []byte(`{}`), "")
		f.Add(seed, int64(8), false, true, "a1", "c1", []byte(`{"member":{"started":true,"memberID":"a1"},"epoch":{"number":4,"holder":"d"}}`), stopping)
	}
	f.Fuzz(func(t *testing.T, text []byte, action int64, leader, latched bool, member, cluster string, kept []byte, journal string) {
		var spec v1alpha1.EtcdUnitSpec
		var r record.Record
		if json.Unmarshal(text, &spec) != nil || json.Unmarshal(kept, &r) != nil {
			return
		}
		s := machine.Situation{Action: action, Leader: leader, Latch: v1alpha1.Latch{Epoch: &v1alpha1.Epoch{Number: 4, Holder: "d"}}}
		if s.Latch.Journal = journal; latched {
			s.Latch.Seeds = seeds()
		}
		seen := machine.Seen{Now: now, Unit: "etcd/0", ModelUUID: "uuid", Record: r, DataDir: machine.DataDir,
			Present: member != "" && cluster != "", Member: member, Cluster: cluster}
		refusal := machine.Admit(&spec, s, seen)
		if refusal != nil {
			if refusal.Reason == "" || !strings.HasPrefix(refusal.Message, "cannot ") {
				t.Errorf("%+v is no sentence", refusal)
			}
			return
		}
		claims := spec.Latch != nil && spec.Latch.Claim != nil
		switch fresh := spec.Etcd.Initial != nil && spec.Etcd.Initial.State == v1alpha1.InitialNew; {
		case spec.Unit != "etcd/0" || spec.ModelUUID != "uuid":
			t.Errorf("carried out for %s of %s", spec.Unit, spec.ModelUUID)
		case now.After(spec.Delivery.NotAfter.Time):
			t.Error("carried out late")
		case spec.Delivery.Epoch.Number < 4 || !claims && spec.Delivery.Epoch.Number == 4 && spec.Delivery.Epoch.Holder != "d":
			t.Errorf("carried out in epoch %s", &spec.Delivery.Epoch)
		case spec.Latch != nil && !leader:
			t.Error("the latch is written by another unit than the leader's")
		case seen.Present && spec.Delivery.ExpectClusterID != "" && spec.Delivery.ExpectClusterID != cluster && !spec.Delivery.AllowReset:
			t.Error("carried out on another cluster's data")
		case fresh && !latched:
			t.Error("begins anew without latched seeds")
		case fresh && seen.Present && !spec.Delivery.AllowReset && r.Hash != spec.Hash():
			t.Error("begins anew where data is")
		case spec.Service.State == v1alpha1.ServiceHalted && !has(journal, spec.Delivery.Under):
			t.Errorf("is halted under %+v, and the journal is %s", spec.Delivery.Under, journal)
		}
	})
}

// has says that a journal has an entry in the phase.
func has(journal string, p *v1alpha1.JournalPhase) bool {
	var entries []v1alpha1.JournalPhase
	return p != nil && p.ID != "" && json.Unmarshal([]byte(journal), &entries) == nil && slices.Contains(entries, *p)
}

// FuzzOps: ops, whatever they say, are done for who leads the latched cluster, or refused; nothing
// else is changed by them.
func FuzzOps(f *testing.F) {
	f.Add([]byte(`[{"kind":"Look"}]`), "c1", int64(4))
	f.Add([]byte(`[{"kind":"Remove","member":"00000000000000a1","expectMembers":["00000000000000a1"]}]`), "", int64(5))
	f.Add([]byte(`[{"kind":"AddLearner","peerURL":"https://10.0.0.9:2380"},{"kind":"Look"},null]`), "c1", int64(4))
	f.Fuzz(func(t *testing.T, ops []byte, cluster string, number int64) {
		w := newWorld(t)
		spec := w.prepare()
		if json.Unmarshal(ops, &spec.Ops) != nil || len(spec.Ops) == 0 || len(spec.Ops) > 8 {
			return
		}
		spec.Delivery.Epoch.Number, spec.Delivery.ExpectClusterID = number, cluster
		status := w.machine().Apply(t.Context(), spec, w.situation(1))
		if len(status.Changed) != 0 || w.installed {
			t.Errorf("ops changed the machine: %+v", status)
		}
		if status.Outcome == v1alpha1.OutcomeRefused && status.Reason == "" {
			t.Errorf("refused without a reason: %+v", status)
		}
	})
}

// FuzzLogLine: what is reported of a line of etcd's log is short, on one line.
func FuzzLogLine(f *testing.F) {
	f.Add(`{"level":"fatal","msg":"discovery failed","error":"listen tcp: in use"}`)
	f.Add("panic: runtime error\r\nx")
	f.Add(`{"level":"error","msg":"` + strings.Repeat("é", 400) + `"}`)
	f.Fuzz(func(t *testing.T, line string) {
		text := machine.ErrorIn(line)
		if strings.ContainsAny(text, "\n\r") || utf8.RuneCountInString(text) > 500 {
			t.Errorf("reported %q", text)
		}
	})
}
