package charm_test

import (
	"errors"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/etcdops"
)

func TestStatusBeforeTheFirstReconcileSaysWhatIsMissing(t *testing.T) {
	b := newBench(t)
	check := func(state, message string) {
		t.Helper()
		if got := b.juju.Status["unit"]; got[0] != state || !strings.Contains(got[1], message) {
			t.Errorf("status %q, want %s with %q", got, state, message)
		}
	}
	b.hook("install")
	check("blocked", "Missing relation to certificate authority.")
	b.juju.Relations["certificates"] = []string{"certificates:1"}
	b.juju.Members["certificates:1"] = []string{"easyrsa/0"}
	b.hook("certificates-relation-joined")
	check("waiting", "no CA, no server certificate, no client certificate yet")
	b.relate(charmtest.NewAuthority(t, "ca"))
	b.hook("certificates-relation-changed")
	check("waiting", "Waiting for the jujuetcd controller (jujuetcd run --model prod)")
	b.hook("certificates-relation-broken", "JUJU_RELATION_ID=certificates:1")
	check("blocked", "Missing relation to certificate authority.")
	b.hook("a-hook-of-a-later-juju")
}

func TestDamagedRecordIsNoFreshUnit(t *testing.T) {
	b := newBench(t)
	b.relate(charmtest.NewAuthority(t, "ca"))
	b.juju.Relations["db"] = []string{"db:2"}
	b.juju.Bags["db:2 etcd/0"] = map[string]string{"connection_string": "https://10.0.0.4:2379"}
	b.machine.damaged = errors.New("cannot read the unit's record: unexpected end")
	b.hook("config-changed")
	if b.juju.Bags["db:2 etcd/0"]["connection_string"] == "" {
		t.Error("no cluster was published to clients")
	}
	if b.juju.Bags["cluster:0 etcd/0"]["facts"] != "" {
		t.Error("facts were published")
	}
	if got := b.juju.Status["unit"]; got[0] != "blocked" || !strings.Contains(got[1], "record") {
		t.Errorf("status %q", got)
	}
}

func TestUpdateStatusShowsTheWorseAndHeals(t *testing.T) {
	blocked := v1alpha1.StatusText{State: "blocked", Message: "Cannot carry out option port"}
	active := v1alpha1.StatusText{State: "active", Message: "Healthy with 1 known peer"}
	ill := v1alpha1.StatusText{State: "blocked", Message: "UnHealthy with 3 known peers: down (connection refused)"}
	tests := []struct {
		name    string
		word    v1alpha1.StatusText
		service v1alpha1.ServiceState
		serves  bool
		want    string
	}{
		{"all is well", active, v1alpha1.ServiceRunning, true, "Healthy with 1 known peer"},
		{"etcd fell ill while the controller was away", active, v1alpha1.ServiceRunning, false, "Errored with 0 known peers"},
		{"etcd healed while the controller was away", ill, v1alpha1.ServiceRunning, true, "Healthy with 1 known peer"},
		{"the controller knows something else", blocked, v1alpha1.ServiceRunning, true, "Cannot carry out option port"},
		{"etcd should not run yet", v1alpha1.StatusText{State: "maintenance", Message: "preparing: snap, certificates and files"},
			v1alpha1.ServiceStopped, false, "preparing: snap"},
		{"etcd is being started", v1alpha1.StatusText{State: "maintenance", Message: "starting: waiting for a quorum"},
			v1alpha1.ServiceRunning, false, "starting: waiting for a quorum"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			s := spec()
			s.Status.Unit, s.Service.State = test.word, test.service
			b.machine.last = &s
			b.machine.view = charmtest.Healthy()
			b.machine.own = b.machine.view.Health["https://10.0.0.4:2379"]
			// One that joins meanwhile is counted by itself only, as by the controller.
			b.machine.view.Members = append(b.machine.view.Members, etcdops.Member{ID: 2, Learner: true, PeerURLs: []string{"https://10.0.0.5:2380"}})
			if !test.serves {
				b.machine.own, b.machine.view = charmtest.Down()
			}
			b.hook("update-status")
			if got := b.juju.Status["unit"][1]; !strings.Contains(got, test.want) {
				t.Errorf("status %q, want %q", got, test.want)
			}
		})
	}
}

// The property: words that come alone are shown, stay through hooks, and touch nothing; what the
// unit lacks itself comes before them.
func TestWordsAloneAreShownAndKept(t *testing.T) {
	b := newBench(t)
	b.relate(charmtest.NewAuthority(t, "ca"))
	b.juju.Leader = true
	b.hook("certificates-relation-changed")
	s := v1alpha1.EtcdUnitSpec{Unit: "etcd/0", Application: "etcd", ModelUUID: "m-1", Delivery: spec().Delivery}
	s.Delivery.WordsOnly = true
	s.Status.Unit = v1alpha1.StatusText{State: "blocked", Message: "etcd/1 has the data of a member, but nothing is latched."}
	s.Status.Application = &s.Status.Unit
	s.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{}}
	facts := b.juju.Bags["cluster:0 etcd/0"]["facts"]
	if status := b.reconcile(s); status.Outcome != v1alpha1.OutcomeApplied {
		t.Fatalf("%+v", status)
	}
	for _, who := range []string{"unit", "application"} {
		if got := b.juju.Status[who]; got != [2]string{"blocked", s.Status.Unit.Message} {
			t.Errorf("%s shows %q", who, got)
		}
	}
	if epoch := b.juju.Bags["cluster:0 etcd"]["epoch"]; !strings.Contains(epoch, `"holder":"d"`) {
		t.Errorf("the claim was not granted: %q", epoch)
	}
	if len(b.machine.applied) > 0 || b.machine.last != nil || b.juju.Bags["cluster:0 etcd/0"]["facts"] != facts || len(b.juju.Ports) > 0 {
		t.Error("words touched something else")
	}
	for _, hook := range []string{"update-status", "config-changed", "cluster-relation-changed"} {
		b.hook(hook)
		if got := b.juju.Status["unit"][1]; got != s.Status.Unit.Message {
			t.Errorf("after %s: %q", hook, got)
		}
	}
	b.hook("certificates-relation-broken", "JUJU_RELATION_ID=certificates:1")
	if got := b.juju.Status["unit"][1]; got != "Missing relation to certificate authority." {
		t.Errorf("what the unit lacks itself is hidden by %q", got)
	}

	b.machine.refuse = v1alpha1.ReasonLate
	s.Status.Unit.Message = "something else"
	if status := b.reconcile(s); status.Outcome != v1alpha1.OutcomeRefused || len(b.juju.Writes()) > 0 {
		t.Errorf("%+v, wrote %q", status, b.juju.Writes())
	}
}

// A unit with a member shows the words that came since it was handed its desired state, as far as
// its etcd is not worse.
func TestWordsOnAMemberStayBesideHealth(t *testing.T) {
	b := newBench(t)
	s := spec()
	b.machine.last, b.machine.view = &s, charmtest.Healthy()
	b.machine.own = b.machine.view.Health["https://10.0.0.4:2379"]
	b.machine.words = &v1alpha1.StatusSpec{Unit: v1alpha1.StatusText{State: "blocked", Message: "Two different clusters are seen."}}
	b.hook("update-status")
	if got := b.juju.Status["unit"][1]; got != "Two different clusters are seen." {
		t.Errorf("status %q", got)
	}
	b.machine.words = &v1alpha1.StatusSpec{} // nothing of the unit itself
	b.hook("update-status")
	if got := b.juju.Status["unit"][1]; got != "Healthy with 1 known peer" {
		t.Errorf("status %q", got)
	}
}

// Who waits for a controller says for which, where the cluster has one, and that none acts where
// its memory is damaged.
func TestWaitingUnitSaysWhomItWaitsFor(t *testing.T) {
	for _, c := range []struct{ name, epoch, state, want string }{
		{"nobody yet", "", "waiting", "Waiting for the jujuetcd controller (jujuetcd run --model prod)"},
		{"one that leads", `{"number":3,"holder":"host-a"}`, "waiting",
			"Waiting for the jujuetcd controller host-a, which leads this cluster; another one replaces it with jujuetcd run --take-over"},
		{"a damaged latch", "{", "blocked", "The cluster's latch is damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.relate(charmtest.NewAuthority(t, "ca"))
			if c.epoch != "" {
				b.juju.Bags["cluster:0 etcd"] = map[string]string{"epoch": c.epoch}
			}
			b.hook("config-changed")
			if got := b.juju.Status["unit"]; got[0] != c.state || !strings.HasPrefix(got[1], c.want) {
				t.Errorf("status %q", got)
			}
		})
	}
}

// The store lacks a channel: where the controller asks for the next one by itself, no person is
// told to do anything.
func TestStatusOfAChannelThatTheStoreLacksIsBlockedOnlyWhereAPersonMustChoose(t *testing.T) {
	for _, c := range []struct {
		name, option string
		has          []string
		state        string
	}{
		{"auto, and another is there", "auto", []string{"3.4"}, etcdops.Maintenance},
		{"not set, and another is there", "", []string{"3.5/stable", "3.5/edge"}, etcdops.Maintenance},
		{"auto, and none is there", "auto", []string{"3.3/stable"}, etcdops.Blocked},
		{"auto, and it failed for another reason", "auto", nil, etcdops.Blocked},
		{"a person has named it", "3.6/stable", []string{"3.5/stable"}, etcdops.Blocked},
	} {
		b := newBench(t)
		b.juju.Config = map[string]string{"channel": c.option}
		b.machine.outcome, b.machine.message, b.machine.channels = v1alpha1.OutcomeFailed, "set the option channel", c.has
		s := spec()
		s.Status.Unit = v1alpha1.StatusText(etcdops.UnitWords(etcdops.View{}, etcdops.Ref{}, etcdops.PhasePreparing))
		b.reconcile(s)
		if got := b.juju.Status["unit"]; got[0] != c.state || (got[1] == "set the option channel") != (c.state == etcdops.Blocked) {
			t.Errorf("%s: the unit shows %q", c.name, got)
		}
	}
}
