package charm_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/machine"
)

func TestRefusedDeliveryTouchesNothing(t *testing.T) {
	seeds := &v1alpha1.Seeds{Token: "t", Members: []v1alpha1.Seed{{Unit: "etcd/0", Name: "etcd0", PeerURL: "https://10.0.0.4:2380"}}}
	latched := map[string]string{"epoch": `{"number":1,"holder":"d"}`, "seeds": `{"token":"other","members":[]}`}
	tests := []struct {
		name   string
		leader bool
		latch  map[string]string
		change func(*v1alpha1.EtcdUnitSpec)
		// machine is the reason that the machine refuses with; empty means that it must not even be
		// asked.
		machine string
		want    string
	}{
		{"another unit", true, nil, func(s *v1alpha1.EtcdUnitSpec) { s.Unit = "etcd/1" }, "", v1alpha1.ReasonOtherUnit},
		{"another model", true, nil, func(s *v1alpha1.EtcdUnitSpec) { s.ModelUUID = "m-2" }, "", v1alpha1.ReasonOtherUnit},
		{"late", true, nil, func(*v1alpha1.EtcdUnitSpec) {}, v1alpha1.ReasonLate, v1alpha1.ReasonLate},
		{"older epoch", true, latched, func(*v1alpha1.EtcdUnitSpec) {}, v1alpha1.ReasonOlderEpoch, v1alpha1.ReasonOlderEpoch},
		{"late, with a claim", true, nil, func(s *v1alpha1.EtcdUnitSpec) { s.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{}} },
			v1alpha1.ReasonLate, v1alpha1.ReasonLate},
		{"a claim on a unit that does not lead", false, nil, func(s *v1alpha1.EtcdUnitSpec) {
			s.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{}}
		}, "", v1alpha1.ReasonNotLeader},
		{"a claim that expects another epoch", true, latched, func(s *v1alpha1.EtcdUnitSpec) {
			s.Delivery.Epoch.Number = 2
			s.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: &v1alpha1.Epoch{Number: 1, Holder: "x"}}}
		}, "", v1alpha1.ReasonLatchDiffers},
		{"other seeds are latched", true, latched, func(s *v1alpha1.EtcdUnitSpec) { s.Latch = &v1alpha1.LatchRequest{Seeds: seeds} },
			"", v1alpha1.ReasonLatchDiffers},
		{"the latch cannot be read", true, map[string]string{"epoch": "{"}, func(*v1alpha1.EtcdUnitSpec) {}, "", v1alpha1.ReasonLatchDiffers},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.juju.Leader = test.leader
			b.juju.Bags["cluster:0 etcd"] = test.latch
			b.relate(charmtest.NewAuthority(t, "ca"))
			b.machine.refuse = test.machine
			s := spec()
			test.change(&s)
			status := b.reconcile(s)
			if status.Outcome != v1alpha1.OutcomeRefused || status.Reason != test.want {
				t.Errorf("outcome %s, reason %s: %s", status.Outcome, status.Reason, status.Message)
			}
			if writes := b.juju.Writes(); len(writes) > 0 {
				t.Errorf("wrote %q", writes)
			}
			if asked := len(b.machine.applied) > 0; asked != (test.machine != "") {
				t.Errorf("the machine was asked: %v", asked)
			}
			if b.machine.leaves > 0 {
				t.Error("wrote certificates")
			}
			if b.juju.Failure != "" {
				t.Errorf("the task failed: %s", b.juju.Failure)
			}
		})
	}
}

func TestUnreadableSpecIsRefused(t *testing.T) {
	b := newBench(t)
	b.juju.Desired = "{"
	if err := b.dispatch("actions/reconcile"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.juju.Results["status"], v1alpha1.ReasonBadSpec) || len(b.juju.Writes()) > 0 {
		t.Errorf("result %s, wrote %q", b.juju.Results["status"], b.juju.Writes())
	}
}

func TestSpecOfANewerDaemonIsRead(t *testing.T) {
	b := newBench(t)
	s := spec()
	// What the newer daemon hashes has fields that this agent does not know: it reports the
	// daemon's hash, not one of its own, or the daemon would deliver again and again.
	s.Delivery.Protocol, s.Delivery.Hash = v1alpha1.Protocol+1, "00000000000000ff"
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	b.juju.Desired = `{"later":{"kind":"later"},` + strings.TrimPrefix(string(text), "{")
	if err := b.dispatch("actions/reconcile"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.juju.Results["status"], `"outcome":"Applied"`) {
		t.Errorf("result %s", b.juju.Results["status"])
	}
	if !strings.Contains(b.juju.Results["status"], `"applied":{"hash":"00000000000000ff"`) {
		t.Errorf("not reported as applied by the daemon's own hash: %s", b.juju.Results["status"])
	}
}

func TestLeaderWritesTheLatchAndTheMachineSeesWhatIsCommitted(t *testing.T) {
	b := newBench(t)
	b.juju.Leader = true
	seeds := &v1alpha1.Seeds{Token: "t", Members: []v1alpha1.Seed{{Unit: "etcd/0", Name: "etcd0", PeerURL: "https://10.0.0.4:2380"}}}
	s := spec()
	s.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{}, Seeds: seeds}
	if status := b.reconcile(s); status.Outcome != v1alpha1.OutcomeApplied {
		t.Fatalf("outcome %+v", status)
	}
	latch, err := v1alpha1.LatchFromDatabag(b.juju.Bags["cluster:0 etcd"])
	if err != nil || latch.Epoch == nil || *latch.Epoch != s.Delivery.Epoch || !latch.Seeds.Equal(seeds) {
		t.Errorf("latch %+v, %v", latch, err)
	}
	judged := b.machine.applied[0].Latch
	if judged.Epoch == nil || *judged.Epoch != s.Delivery.Epoch {
		t.Errorf("the machine judged by epoch %s", judged.Epoch)
	}
	if judged.Seeds != nil {
		t.Error("the machine was given seeds that Juju has not committed yet")
	}
	// The same latch again changes nothing; only the claim would be out of date.
	s.Latch = &v1alpha1.LatchRequest{Seeds: seeds}
	b.reconcile(s)
	for _, line := range b.juju.Writes() {
		if strings.Contains(line, "--app ") {
			t.Errorf("wrote the latch again: %s", line)
		}
	}
}

// What a newer daemon has written beside the keys that this agent knows, and into them, survives a
// claim by an older one.
func TestAClaimLeavesWhatANewerDaemonHasWrittenIntoTheLatch(t *testing.T) {
	b := newBench(t)
	b.juju.Leader = true
	before := map[string]string{
		v1alpha1.LatchEpochKey:   `{"number":1,"holder":"newer","claimed":"yesterday"}`,
		v1alpha1.LatchJournalKey: `[{"procedure":"restore","phase":"stop"}]`,
		v1alpha1.LatchSeedsKey:   `{"token":"t","members":[],"zones":3}`,
		"handled":                `{"etcd/0":9}`,
	}
	b.juju.Bags["cluster:0 etcd"] = maps.Clone(before)
	s := spec()
	s.Delivery.Epoch.Number = 2
	s.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: &v1alpha1.Epoch{Number: 1, Holder: "newer"}}}
	if status := b.reconcile(s); status.Outcome != v1alpha1.OutcomeApplied {
		t.Fatalf("outcome %+v", status)
	}
	after := maps.Clone(b.juju.Bags["cluster:0 etcd"])
	if after[v1alpha1.LatchEpochKey] == before[v1alpha1.LatchEpochKey] {
		t.Error("the epoch was not claimed")
	}
	delete(before, v1alpha1.LatchEpochKey)
	delete(after, v1alpha1.LatchEpochKey)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("(-before +after)\n%s", diff)
	}
}

func TestSecondIdenticalReconcileWritesNothing(t *testing.T) {
	b := newBench(t)
	b.juju.Leader = true
	b.relate(charmtest.NewAuthority(t, "ca"))
	b.juju.Relations["db"] = []string{"db:2"}
	b.juju.Members["db:2"] = []string{"calico/0"}
	b.machine.keys = machine.Credentials{CA: "ca", Certificate: "cert", Key: "key"}
	b.machine.facts.Snap = &v1alpha1.SnapFacts{Version: "3.6.16"}
	s := spec()
	s.Clients = v1alpha1.ClientsSpec{Endpoints: []string{"https://10.0.0.5:2379", "https://10.0.0.4:2379"}, Version: "3.6.16"}
	first := b.reconcile(s)
	if first.Outcome != v1alpha1.OutcomeApplied {
		t.Fatalf("outcome %+v", first)
	}
	want := map[string]string{"client_ca": "ca", "client_cert": "cert", "client_key": "key", "version": "3.6.16",
		"connection_string": "https://10.0.0.4:2379,https://10.0.0.5:2379"}
	if diff := cmp.Diff(want, b.juju.Bags["db:2 etcd/0"]); diff != "" {
		t.Errorf("db relation (-want +got):\n%s", diff)
	}
	if b.juju.Version != "3.6.16" || b.juju.Status["unit"][1] != "Healthy with 1 known peer" || b.juju.Status["application"][1] != "1 member, can lose 0" {
		t.Errorf("version %q, status %q", b.juju.Version, b.juju.Status)
	}
	var published v1alpha1.UnitFacts
	if err := json.Unmarshal([]byte(b.juju.Bags["cluster:0 etcd/0"]["facts"]), &published); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*first.Facts, published); diff != "" {
		t.Errorf("the result's facts are not the published ones:\n%s", diff)
	}
	if published.Addresses.Peer != "10.0.0.4" || published.Certificates.Provider != v1alpha1.ProviderClassic || published.Certificates.OfferedCA == "" {
		t.Errorf("facts %+v", published)
	}
	b.reconcile(s)
	if writes := b.juju.Writes(); len(writes) > 0 {
		t.Errorf("the second reconcile wrote %q", writes)
	}
	b.hook("config-changed")
	b.machine.view, b.machine.own = charmtest.Healthy(), charmtest.Healthy().Health["https://10.0.0.4:2379"]
	b.hook("update-status")
	if writes := b.juju.Writes(); len(writes) > 0 {
		t.Errorf("a hook wrote %q", writes)
	}
	// Endpoints are taken back with the serving members.
	s.Clients = v1alpha1.ClientsSpec{}
	b.reconcile(s)
	if bag := b.juju.Bags["db:2 etcd/0"]; len(bag) > 0 {
		t.Errorf("db relation still has %v", bag)
	}
}

func TestPortsAreSetAloneButForTheMarkOfWhatIsApplied(t *testing.T) {
	b := newBench(t)
	b.juju.Ports = []string{"2380/tcp"}
	s := spec()
	s.OpenPorts = []int32{2379}
	if status := b.reconcile(s); status.Outcome != v1alpha1.OutcomeInProgress || status.Facts.Applied != nil {
		t.Errorf("outcome %s, applied %v beside other writes", status.Outcome, status.Facts.Applied)
	}
	if diff := cmp.Diff([]string{"2380/tcp"}, b.juju.Ports); diff != "" {
		t.Errorf("ports changed beside other writes: %s", diff)
	}
	if status := b.reconcile(s); status.Outcome != v1alpha1.OutcomeApplied || status.Facts.Applied == nil || status.Facts.Applied.Hash != s.Hash() {
		t.Errorf("outcome %+v alone", status)
	}
	want := []string{"relation-set -r cluster:0 --file -", "close-port 2380/tcp", "open-port 2379/tcp"}
	if diff := cmp.Diff(want, b.juju.Writes()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.reconcile(s)
	if writes := b.juju.Writes(); len(writes) > 0 {
		t.Errorf("wrote %q", writes)
	}
	// A port that could not be committed took the mark with it: it is tried again, with nothing
	// else at stake.
	b.juju.Ports = nil
	s.Status.Unit.Message = "Healthy with 2 known peers"
	b.reconcile(s)
	if status := b.reconcile(s); status.Outcome != v1alpha1.OutcomeApplied || !cmp.Equal(b.juju.Ports, []string{"2379/tcp"}) {
		t.Errorf("outcome %s, ports %v", status.Outcome, b.juju.Ports)
	}
}

// The word of a delivery was found before it failed: by itself it would say for ever that the unit
// is being prepared or started.
func TestAUnitThatCannotBePreparedOrStartedSaysWhy(t *testing.T) {
	for _, message := range []string{
		"preparing: snap, certificates and files", "starting: waiting for a quorum", "joining: added, waiting for etcd to start",
	} {
		t.Run(message, func(t *testing.T) { failsToStart(t, v1alpha1.StatusText{State: "maintenance", Message: message}) })
	}
}

func failsToStart(t *testing.T, preparing v1alpha1.StatusText) {
	b := newBench(t)
	b.juju.Leader = true
	s := spec()
	s.Status = v1alpha1.StatusSpec{Unit: preparing, Application: &preparing}
	for _, outcome := range []v1alpha1.Outcome{v1alpha1.OutcomeFailed, v1alpha1.OutcomeInProgress} {
		b.machine.outcome = outcome
		b.machine.message = "cannot install snap etcd"
		b.reconcile(s)
		want := [2]string{preparing.State, preparing.Message}
		if outcome == v1alpha1.OutcomeFailed {
			want = [2]string{"blocked", "cannot install snap etcd"}
		}
		if diff := cmp.Diff(map[string][2]string{"unit": want, "application": want}, b.juju.Status); diff != "" {
			t.Errorf("%s (-want +got):\n%s", outcome, diff)
		}
	}
}

func TestOnlyAReconcileThatEndedSaysWhatIsApplied(t *testing.T) {
	b := newBench(t)
	applied := func() *v1alpha1.AppliedFacts {
		var facts v1alpha1.UnitFacts
		if err := json.Unmarshal([]byte(b.juju.Bags["cluster:0 etcd/0"]["facts"]), &facts); err != nil {
			t.Fatal(err)
		}
		return facts.Applied
	}
	for _, outcome := range []v1alpha1.Outcome{v1alpha1.OutcomeInProgress, v1alpha1.OutcomeFailed} {
		b.machine.outcome = outcome
		b.reconcile(spec())
		b.hook("config-changed")
		if applied() != nil {
			t.Errorf("after %s the facts say that it is applied", outcome)
		}
	}
	b.machine.outcome = v1alpha1.OutcomeApplied
	b.reconcile(spec())
	first := applied()
	if first == nil || first.Hash == "" {
		t.Fatal("the facts do not say what is applied")
	}
	b.reconcile(spec())
	if diff := cmp.Diff(first, applied()); diff != "" {
		t.Errorf("the same spec has another mark:\n%s", diff)
	}
	s := spec()
	s.Clients.Version = "3.6.16"
	b.machine.outcome = v1alpha1.OutcomeFailed
	b.reconcile(s)
	if diff := cmp.Diff(first, applied()); diff != "" {
		t.Errorf("a failed reconcile changed the mark:\n%s", diff)
	}
}

func TestToolThatFailsFailsTheTask(t *testing.T) {
	for _, tool := range []string{"relation-get", "relation-set", "status-set", "is-leader", "network-get"} {
		b := newBench(t)
		b.juju.Broken = tool
		text, err := json.Marshal(spec())
		if err != nil {
			t.Fatal(err)
		}
		b.juju.Desired = string(text)
		if err := b.dispatch("actions/reconcile"); err == nil {
			t.Errorf("%s failed, and the task did not", tool)
		}
		if b.juju.Results["status"] != "" {
			t.Errorf("%s failed, and there is a result", tool)
		}
	}
}

func TestNoPrivateKeyLeavesTheUnitExceptInClassicRelations(t *testing.T) {
	b := newBench(t)
	b.juju.Leader = true
	serverKey, clientKey := b.relate(charmtest.NewAuthority(t, "ca"))
	b.juju.Relations["db"] = []string{"db:2"}
	b.machine.keys = machine.Credentials{CA: "ca", Certificate: "cert", Key: clientKey}
	s := spec()
	s.Clients.Endpoints = []string{"https://10.0.0.4:2379"}
	s.OpenPorts = []int32{2379}
	var calls []charmtest.Call
	for _, run := range []func(){
		func() { b.hook("install") }, func() { b.hook("certificates-relation-changed") },
		func() { b.reconcile(s) }, func() { b.reconcile(s) }, func() { b.hook("update-status") },
		func() { _ = b.dispatch("actions/health") },
	} {
		run()
		calls = append(calls, b.juju.Calls...)
	}
	if len(b.machine.applied) == 0 || b.machine.applied[0].Server == nil {
		t.Fatal("the machine was not given the leaf, so this test shows nothing")
	}
	secrets := []string{"PRIVATE KEY", bodyOf(serverKey), bodyOf(clientKey)}
	for _, c := range calls {
		for _, secret := range secrets {
			if strings.Contains(c.Line, secret) {
				t.Errorf("a key is in the command line %q", c.Line[:min(len(c.Line), 80)])
			}
			if strings.Contains(c.Stdin, secret) && !strings.HasPrefix(c.Line, "relation-set -r db:2 ") {
				t.Errorf("a key is in the input of %q", c.Line)
			}
		}
	}
	for _, text := range []string{b.juju.Results["status"], b.juju.Results["output"], b.juju.Bags["cluster:0 etcd/0"]["facts"]} {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Error("a key is in a result or in the facts")
			}
		}
	}
}

// bodyOf is the second line of a PEM text: a part that no other text has.
func bodyOf(pem string) string { return strings.Split(pem, "\n")[1] }

func TestLatchIsWrittenEvenWhereTheMachineFails(t *testing.T) {
	for _, outcome := range []v1alpha1.Outcome{v1alpha1.OutcomeApplied, v1alpha1.OutcomeInProgress, v1alpha1.OutcomeFailed} {
		b := newBench(t)
		b.juju.Leader = true
		b.machine.outcome = outcome
		s := spec()
		s.OpenPorts = []int32{2379}
		s.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{}}
		if status := b.reconcile(s); status.Outcome != outcome {
			t.Errorf("outcome %s, want %s", status.Outcome, outcome)
		}
		if b.juju.Bags["cluster:0 etcd"]["epoch"] == "" {
			t.Errorf("outcome %s, and the epoch is not latched", outcome)
		}
		if len(b.juju.Ports) > 0 {
			t.Errorf("ports %v were set beside the latch", b.juju.Ports)
		}
	}
}

// Ops concern etcd alone: the delivery reaches the machine, and nothing is written in Juju whatever
// it says.
func TestOpsAreHandedToTheMachineAndWriteNothingInJuju(t *testing.T) {
	b := newBench(t)
	b.juju.Leader = true
	s := spec()
	s.Ops = []v1alpha1.EtcdOp{{Kind: v1alpha1.OpLook}}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	b.juju.Desired = string(text)
	if err := b.dispatch("actions/reconcile"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.juju.Results["status"], `"outcome":"Applied"`) || len(b.juju.Writes()) > 0 {
		t.Errorf("result %s, wrote %q", b.juju.Results["status"], b.juju.Writes())
	}
}
